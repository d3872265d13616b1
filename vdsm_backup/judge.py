# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard on this host, put together: for the hooks and for `check`.
"""

import time

from vdsm_backup import domxml, errors, guard, nearby, needs
from vdsm_backup.storage import mounts

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


def vm(options, operation, machine, deadline):
    """
    The guard.Verdict on a domxml.Vm, by what is on storage now.

    deadline: of time.monotonic(), for all of it. Raises VmUnclear.
    """
    finder = _finder(options)
    judge = of_host(options, deadline, finder)
    return judge.judge(operation, finder.of(machine), deadline)


def of_host(options, deadline, finder=None):
    """A guard.Guard that reads what is on storage now, until the deadline."""
    reader = nearby.Nearby(options)

    def left():
        return max(deadline - time.monotonic(), _LAST)

    return guard.Guard(
        options.guard,
        read=lambda place: reader.read(place, left()),
        resolve=lambda paths: finder.resolve(paths, left()),
    )


def _finder(options):
    table = mounts.table()
    return needs.Finder(options.repo_root, options.lv_dir, table)
