# SPDX-License-Identifier: GPL-2.0-or-later
"""
A domain in memory: the real interface without storage, for tests of the
layers above. Faults are given as {step: error}.
"""

from vdsm_backup import errors
from vdsm_backup.metadata import origin
from vdsm_backup.storage.base import Writer


class MemoryStorage(Writer):
    kind = "memory"

    def __init__(self, sd_id, lines, found_at="memory"):
        super().__init__(sd_id, found_at)
        self.lines = list(lines)
        self.faults = {}
        self.calls = []

    def read(self):
        self._at("read")
        return list(self.lines)

    def write(self, old, new, step):
        step("compare")
        self._at("compare")
        if old is not None and old != self.lines:
            raise errors.MetadataChanged(self.sd_id)
        step("commit")
        self._at("commit")
        self.lines = list(new)
        step("confirm")
        self._at("confirm")

    def origin(self):
        return origin.file_origin("memory", 1, self.found_at)

    def match_origin(self, stored):
        return origin.match_file(stored, self.origin())

    def _at(self, point):
        self.calls.append(point)
        if point in self.faults:
            raise self.faults[point]
