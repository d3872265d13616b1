# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench asks of a VDSM."""

import time

_reads = []


def count_reads():
    """From now on, of the metadata of file domains."""
    from vdsm.storage.fileSD import FileMetadataRW

    original = FileMetadataRW.readlines

    def counted(self):
        _reads.append(None)
        return original(self)

    FileMetadataRW.readlines = counted


def reads():
    """How many there were since the last time."""
    count = len(_reads)
    _reads.clear()
    return count


def look_twice(config, sd_id):
    """Seconds for both looks of the plugin at a start of a VM."""
    from vdsm_backup.plugin import gatekeeper

    gate = gatekeeper.Gate(config)
    began = time.monotonic()
    for _ in range(2):
        gate.require_allowed("run", "VM web1", domain=sd_id)
    return time.monotonic() - began
