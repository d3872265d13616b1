# SPDX-License-Identifier: GPL-2.0-or-later
import os
import time

from tests.support.storage import filedomain
from tests.support.storage.overlapping import (
    Calls,
    FileVdsm,
    Points,
    with_flag,
    write_merging,
)
from vdsm_backup.storage.file import FileStorage

POOL = "11111111-2222-3333-4444-555555555555"


class Overlap:
    """One change of a new file domain, at whose calls a VDSM may write too."""

    def __init__(self, mount, io, changes):
        self.sd_id = filedomain.make(
            mount, POOL_UUID=POOL, ROLE="Master", PV1="pv:x"
        )
        self.points = Points()
        directory = os.path.join(mount, self.sd_id)
        calls = Calls(io, self.points)
        self.storage = FileStorage(self.sd_id, directory, calls, 0)
        path = filedomain.path(mount, self.sd_id)
        self.vdsm = FileVdsm(path, changes)
        self.old = self.lines()
        self.new = with_flag(self.old, "ours")

    def lines(self):
        return self.vdsm.readlines()

    def write(self):
        return write_merging(self.storage, self.old, self.new)

    def at(self, number, action):
        """Plans an action; returns where the name of the call will be."""
        before = []
        self.points.plan(number, action)
        self.points.plan(
            number, lambda: before.append(self.points.names[number - 1])
        )
        return before

    def clock(self, *numbers):
        """The times before calls, when all is over."""
        times = []
        for number in numbers:
            self.points.plan(number, lambda: times.append(time.monotonic()))
        return times
