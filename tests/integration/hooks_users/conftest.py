# SPDX-License-Identifier: GPL-2.0-or-later
"""A host of hooks that run as who runs them there: vdsm, or root."""

import pytest

from tests.support.hooks import closeddomain, hookhost
from tests.support.hooks.needs import VDSM
from tests.support.storage import loop


@pytest.fixture(scope="module")
def directory():
    with loop.own_directory() as path:
        yield path


@pytest.fixture(scope="module")
def shared(directory):
    options = {"user": VDSM[0], "group": VDSM[1]}
    with hookhost.HookHost(directory, **options) as host:
        yield host


@pytest.fixture
def host(shared):
    shared.guard()
    shared.configure(ioprocess=None)
    return shared


@pytest.fixture(scope="module")
def closed(shared):
    """A domain that only vdsm:kvm may enter."""
    return closeddomain.make(shared)


@pytest.fixture(scope="module")
def san(shared):
    return shared.block_domain()
