# SPDX-License-Identifier: GPL-2.0-or-later
"""A killed run leaves devices, mounts and daemons; the next one ends them."""

import os

from tests.support import rundir
from tests.support.bridge import sshd
from tests.support.lease import sanlockd
from tests.support.processes import island, qemu
from tests.support.storage import hangfs, loop, mounted
from tests.support.vdsm import vdsmhost


def clean():
    """
    What killed runs have left. Not from within a test, which may have killed
    something of its own, or another test meanwhile.
    """
    # pytest sets it, https://docs.pytest.org/en/stable/example/simple.html
    if "PYTEST_CURRENT_TEST" not in os.environ:
        for path in rundir.stale():
            clean_directory(path)


def clean_directory(path):
    # Whoever uses a device or a mount first; a device may lie on a mount.
    for module in (qemu, sanlockd, sshd, vdsmhost):
        module.clean_stale(path)
    for module in (mounted, loop, hangfs, island):
        module.clean_stale(path)
    if os.path.isdir(path):
        rundir.remove(path)
