# SPDX-License-Identifier: GPL-2.0-or-later
"""
Why the VG of a domain must not be changed, or its LUN or mount cannot be, as
an error that names them and has commands that can be run.
"""

from __future__ import annotations

import shlex

from vdsm_backup import errors
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.lvm.scan import Vg


def hazard(vg: Vg, sd_id: str) -> errors.VolumeGroupUnsafe | None:
    """The error of a VG that must not be changed. None: it may be."""
    reason = vg.hazard()
    if not reason:
        return None
    names = [_lun(vg, sd_id, pv.uuid) for pv in vg.pvs if pv.missing]
    known = ", ".join(filter(None, names))
    if known:
        reason += f", which the metadata of the domain calls {known}"
    error = errors.VolumeGroupUnsafe(sd_id, reason)
    error.devices = ",".join(vg.devices)
    return error


def read_only(device: str, sd_id: str) -> errors.ChangeWouldFail:
    """The error of a PV on a device that cannot be written."""
    error = errors.ChangeWouldFail(sd_id, f"{device} is read-only")
    error.way_out = [
        "see whether the array maps the LUN read-only, or only this host:"
        f" lsblk -o NAME,RO -s {device}; if it is this host: blockdev --setrw"
        f" {device}"
    ]
    return error


def read_only_mount(point: str, sd_id: str) -> errors.ChangeWouldFail:
    """The error of a file domain on a mount that cannot be written."""
    where = shlex.quote(printable(point))
    error = errors.ChangeWouldFail(sd_id, mounted_read_only(where))
    error.way_out = of_read_only_mount(where)
    return error


def mounted_read_only(where: str) -> str:
    """where: the mount point, for a shell."""
    return f"{where} is mounted read-only on this host"


def of_read_only_mount(where: str) -> list[str]:
    """The next steps. where: as of mounted_read_only()."""
    return [
        f"see its options: findmnt {where}; whether the kernel has done it"
        " after an error: dmesg; in the engine: the mount options of the"
        " domain",
        f"if nothing speaks against it: mount -o remount,rw {where}",
    ]


def _lun(vg: Vg, sd_id: str, uuid: str) -> str:
    """
    The name that the LUN of a PV had when VDSM has written the metadata, or
    "". VDSM keeps it in PV0, PV1 and so on: encodePVInfo() in
    lib/vdsm/storage/blockSD.py.
    """
    try:
        lines = encoding.decode_tags(vg.tags, sd_id)
    except errors.DamagedMetadata:
        return ""
    for key, value in md_lines.parse(lines).values.items():
        if key.startswith("PV") and f"uuid:{uuid}" in value.split(","):
            name = value.split(",")[0].partition("pv:")[2]
            return printable(name)
    return ""
