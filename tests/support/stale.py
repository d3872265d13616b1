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
    for path in rundir.stale():
        # Whoever uses a device or a mount first; a device may lie on a mount.
        for module in (qemu, sanlockd, sshd, vdsmhost):
            module.clean_stale(path)
        for module in (mounted, loop, hangfs, island):
            module.clean_stale(path)
        if os.path.isdir(path):
            rundir.remove(path)
