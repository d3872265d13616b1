# SPDX-License-Identifier: GPL-2.0-or-later
"""
These tests run against the real VDSM, where it can be imported: on a host, or
from a checkout that was set up by its own instructions and is on PYTHONPATH,
with what it needs.
"""

import contextlib
import os

import pytest

from tests.support import rundir
from tests.support.storage import loop
from tests.support.vdsm import vdsmhost


def _missing():
    try:
        import vdsm.storage.blockSD  # noqa: F401
        import vdsm.storage.fileSD  # noqa: F401
    except ImportError as e:
        return f"VDSM cannot be imported: {e}"
    return ""


MISSING = _missing()


def pytest_collection_modifyitems(items):
    if MISSING:
        for item in items:
            if "tests/vdsm/" in str(item.path):
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture
def directory():
    path = rundir.make("vdsm")
    yield path
    vdsmhost.clean_stale(path)
    loop.clean_stale(path)
    rundir.remove(path)


@pytest.fixture
def start(directory):
    """Starts hosts (vdsmhost.Host), which end with the test."""
    with contextlib.ExitStack() as stack:

        def start_host(name="host", **options):
            host = vdsmhost.Host(os.path.join(directory, name), **options)
            return stack.enter_context(host)

        yield start_host


@pytest.fixture
def host(start):
    return start()


@pytest.fixture
def sd(host):
    """A regular domain of this host's pool: (UUID, path of metadata)."""
    master, _ = host.local_domain()
    found = host.local_domain()
    host.pool(master, found[0])
    return found
