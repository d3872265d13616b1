# SPDX-License-Identifier: GPL-2.0-or-later
"""
Makes a domain's Writer from its description, in the writer process.

The writer process starts for every change, and works on storage of one kind.
Only the modules of that kind are imported.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

    from vdsm_backup.storage.base import Writer


def from_description(described: Mapping[str, Any]) -> Writer:
    """
    The Writer of the domain that Storage.describe() has described.

    The processes that it starts inherit our stdin and stdout, and with them
    the lease: see lease/connection.py.
    """
    if described["kind"] == "file":
        from vdsm_backup.fileio import choose
        from vdsm_backup.storage.file import FileStorage

        timeout = described["timeout"]
        directory = described["directory"]
        io = choose.open(
            described["ioprocess"], directory, timeout, described["base"]
        )
        return FileStorage(described["sd_id"], directory, io, timeout)
    from vdsm_backup.lvm.scan import vg_of
    from vdsm_backup.lvm.vgs import Lvm
    from vdsm_backup.storage.block import BlockStorage

    lvm = Lvm(described["devices"], described["timeout"], stdin=0)
    given = vg_of(described["vg"]) if "vg" in described else None
    return BlockStorage(
        described["sd_id"], lvm, described["lv_dir"], given=given
    )
