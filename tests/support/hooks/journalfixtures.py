# SPDX-License-Identifier: GPL-2.0-or-later
"""
The journal of the host, for tests of hooks: its socket has one path, so the
hooks run where it is ours. Besides hookfixtures.

    pytest_plugins = ["tests.support.hooks.journalfixtures", ...]
    pytestmark = needs_namespace
"""

import os

import pytest

from tests.support.processes.namespace import Journal, Namespace


@pytest.fixture(scope="module")
def log(hook_dir, shared_host):
    log = Journal(os.path.join(hook_dir, "journal"))
    with Namespace() as ns:
        log.put_into(ns)
        shared_host.as_user = ns.enter()
        yield log
    log.close()


@pytest.fixture
def logged(log):
    """A function that gives what hooks have told the journal since."""
    log.entries()
    return log.entries
