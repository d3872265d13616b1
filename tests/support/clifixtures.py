# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of the command as a process share.

    pytest_plugins = ["tests.support.clifixtures"]
"""

import os

import pytest

from tests.support import rundir, testhost
from tests.support.hooks.needs import no_other_user
from tests.support.lease import sanlockd
from tests.support.waiting import RUNS_OUT

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
WHY = ["--reason", "nightly copies"]

# Of the storage here. A run that waits for what hangs for ever takes longer
# than all slack.
IO_TIMEOUT = RUNS_OUT
SLACK = 25

# As on a host: root starts us, files are those of vdsm:kvm.
OWNER = (os.getuid(), os.getgid()) if no_other_user() else (36, 36)


@pytest.fixture(scope="module")
def sanlock():
    """Of tests that say needs_sanlock."""
    with sanlockd.Host("host1") as host:
        yield host


@pytest.fixture
def directory():
    path = rundir.make("cli")
    yield path
    rundir.remove(path)


@pytest.fixture
def host(directory):
    with testhost.Host(directory, IO_TIMEOUT) as host:
        yield host
