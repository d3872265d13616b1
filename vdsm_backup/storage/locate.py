# SPDX-License-Identifier: GPL-2.0-or-later
"""
Making a Storage from what is known of it.

The writer starts for every change, on storage of one kind: only that is
imported.
"""


def from_description(described):
    """
    The storage that describe() told of, in the writer process: what it
    starts inherits the writer's stdin and stdout, and with it the lease.
    """
    if described["kind"] == "file":
        from vdsm_backup.fileio import choose
        from vdsm_backup.storage.file import FileStorage

        timeout = described["timeout"]
        directory = described["directory"]
        io = choose.open(described["ioprocess"], directory, timeout)
        return FileStorage(described["sd_id"], directory, io, timeout)
    from vdsm_backup.lvm.vgs import Lvm
    from vdsm_backup.storage.block import BlockStorage

    runner = Lvm(described["devices"], described["timeout"], stdin=0)
    return BlockStorage(described["sd_id"], runner, described["lv_dir"])
