# SPDX-License-Identifier: GPL-2.0-or-later
"""The moment right before VDSM writes a flag, for as long as a test needs."""

import os

from tests.support.processes import proc
from tests.support.waiting import wait_until
from tests.vdsm.inside import held

# Seconds: for some programs that are started one after the other.
LONG = 120


class HeldChanges:
    """Changes of the VDSM of a scene wait there until let_go()."""

    def __init__(self, scene):
        self._path = os.path.join(scene.directory, "held")
        scene.pool.vdsm.do(held.hold_changes, self._path)

    def wait(self):
        """Until there is one."""
        wait_until(lambda: os.path.exists(self._path), LONG)

    def let_go(self, domain):
        """Until all that was asked for is done, and nobody asks any more."""
        os.remove(self._path)
        wait_until(lambda: not asking(domain), LONG)


def asking(domain):
    """Pids of the commands on hosts that set the flag of a domain."""
    return proc.all_with(f"--json set {domain.id}")
