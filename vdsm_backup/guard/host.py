# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard on this host, put together: for the hooks and for `check`.
"""

import time

from vdsm_backup import errors
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.host import mounts
from vdsm_backup.storage import direct
from vdsm_backup.vm import domxml, needs

# Seconds that a call may still take when the time is over: it is about to be
# given up by who waits for it, and no timeout can be zero.
_LAST = 0.1


def parse(xml):
    """
    A domxml.Vm.

    Raises VmUnclear.
    """
    try:
        return domxml.parse(xml)
    except domxml.BadXml as e:
        raise errors.VmUnclear(f"its XML {e}")


class Case:
    """
    What a VM needs, as whoever makes this can see links on its disks' paths:
    root, for libvirt's hook, before it becomes the user that reads storage.

    machine: a domxml.Vm. Raises VmUnclear.
    """

    def __init__(self, options, machine):
        table = mounts.table()
        finder = needs.Finder(options.repo_root, options.lv_dir, table)
        self._options = options
        self._finder = finder
        self._needs = finder.of(machine)

    def judge(self, operation, deadline):
        """
        The guard.Verdict, by what is on storage now.

        deadline: of time.monotonic(), for all of it.
        """
        judge = of_host(self._options, deadline, self._finder)
        return judge.judge(operation, self._needs, deadline)


def of_host(options, deadline, finder=None):
    """A guard.Guard that reads what is on storage now, until the deadline."""
    reader = direct.Nearby(options)

    def left():
        return max(deadline - time.monotonic(), _LAST)

    return Guard(
        options.guard,
        read=lambda place: reader.read(place, left()),
        # What it finds has to be read, too.
        resolve=lambda paths: finder.resolve(paths, left() / 2),
    )
