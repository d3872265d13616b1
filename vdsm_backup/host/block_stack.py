# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is below and on top of a block device, by sysfs: no device is opened,
since opening one that hangs would hang us.

A device is known by its number (st_rdev), whatever it is called. sysfs has for
it, with `holders` and `slaves` that are links to other devices:

    /sys/dev/block/253:3 -> ../../devices/virtual/block/dm-3
        dm/name, dm/uuid   of a device of device-mapper
        holders/dm-7       dm-7 is on top of it
        slaves/sda         it is on top of sda
        size               in sectors of 512 bytes
        sda1/partition     a partition is a directory in its disk

lvm2 calls an LV <VG>-<LV>, dashes in both doubled, and its hidden parts
<VG>-<LV>-real and the like (lib/device/dev-io.c, libdm: dm_build_dm_name()).
"""

from __future__ import annotations

import os
import stat

from vdsm_backup.host.devices import (
    LVM_UUID,
    MAPPER,
    MPATH_UUID,
    SYSFS,
    attribute,
    is_plain,
    kernel_path,
    listdir,
)
from vdsm_backup.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# VDSM makes a PV with a metadata area of 128 MiB: createVG() in
# lib/vdsm/storage/lvm.py. What is smaller is none.
_LEAST_SECTORS = 128 * 1024**2 // 512

_HOLDERS = "holders"
_SLAVES = "slaves"

_VG = r"((?:[^-]|--)+)-(?!-)"


class Stack(Record):
    """
    What sysfs knows of a block device.

    vgs: VGs whose LVs are active here and lie on the device, or have the
        device in them.
    device: the path by which LVM can be asked for a PV on the device; None if
        there is no need: a VG is known, or the device is too small.
    """

    __slots__ = ("vgs", "device")

    def __init__(self, vgs: list[str], device: str | None) -> None:
        self.vgs = vgs
        self.device = device


def number(path: str) -> str | None:
    """
    The number of a device, as sysfs has it: "block/253:3", "char/21:0". None
    if the path is no device, or not there.

    This follows all links, and may hang where a file system on the way does.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        # It is not there, or not ours to see. ValueError: no file has the
        # name.
        return None
    for kind, is_kind in (("block", stat.S_ISBLK), ("char", stat.S_ISCHR)):
        if is_kind(status.st_mode):
            major, minor = os.major(status.st_rdev), os.minor(status.st_rdev)
            return f"{kind}/{major}:{minor}"
    return None


def of_number(number: str, sysfs: str = SYSFS) -> Stack | None:
    """
    The Stack of a device with a number(). None if it is neither a block device
    nor a generic SCSI device of a disk (/dev/sg0, /dev/bsg/0:0:0:0), or sysfs
    does not know it.
    """
    if number.startswith("block/"):
        return _stack(f"{sysfs}/dev/{number}")
    return _disk_of(f"{sysfs}/dev/{number}/device")


def of_scsi(address: str, sysfs: str = SYSFS) -> Stack | None:
    """
    The Stack of a SCSI device of this host. None if it is no disk, or is not
    there. address: "host:bus:target:unit".
    """
    return _disk_of(f"{sysfs}/bus/scsi/devices/{address}")


def _disk_of(scsi_device: str) -> Stack | None:
    for name in listdir(f"{scsi_device}/block"):
        return _stack(f"{scsi_device}/block/{name}")
    return None


def _stack(link: str) -> Stack | None:
    device = os.path.realpath(link)
    if not os.path.isdir(device):
        return None
    below = _closure([device], _below)
    on_top = _closure([device], _on_top)
    lvs = {each for each in below if _is_lv(each)}
    if not lvs:
        # What is on a disk is on each of its partitions, and what is on a LUN
        # is on each path to it. What is on one partition is not on another.
        # An LV has its VG, and a thousand others may be beside it.
        beside = _closure(below, _maps)
        holders = {h for each in beside for h in _linked(each, _HOLDERS)}
        lvs = {each for each in holders if _is_lv(each)}
    lvs.update(filter(_is_lv, on_top))
    vgs = sorted({vg for vg in map(_vg, lvs) if vg})
    if vgs or int(attribute(f"{device}/size") or 0) < _LEAST_SECTORS:
        return Stack(vgs, None)
    # LVM takes no path to a LUN that has a map of multipathd.
    for each in sorted(_closure([device], _maps) - {device}):
        device = each
    return Stack([], _path(device))


def _closure(
    devices: Iterable[str], step: Callable[[str], Iterable[str]]
) -> set[str]:
    """These devices, and all to which steps from them lead."""
    found: set[str] = set()
    todo = list(devices)
    while todo:
        device = todo.pop()
        if device not in found:
            found.add(device)
            todo += step(device)
    return found


def _below(device: str) -> list[str]:
    disk = [os.path.dirname(device)] if _is_partition(device) else []
    return disk + _linked(device, _SLAVES)


def _on_top(device: str) -> list[str]:
    inside = (os.path.join(device, name) for name in listdir(device))
    return [*filter(_is_partition, inside), *_linked(device, _HOLDERS)]


def _maps(device: str) -> list[str]:
    """The maps of multipathd on top of a path to a LUN."""
    return [
        holder
        for holder in _linked(device, _HOLDERS)
        if attribute(f"{holder}/dm/uuid").startswith(MPATH_UUID)
    ]


def _linked(device: str, links: str) -> list[str]:
    directory = os.path.join(device, links)
    return [
        os.path.realpath(os.path.join(directory, name))
        for name in listdir(directory)
    ]


def _is_partition(device: str) -> bool:
    return os.path.exists(os.path.join(device, "partition"))


def _is_lv(device: str) -> bool:
    return attribute(f"{device}/dm/uuid").startswith(LVM_UUID)


def _vg(lv: str) -> str | None:
    import re

    match = re.match(_VG, attribute(f"{lv}/dm/name"))
    return match[1].replace("--", "-") if match else None


def _path(device: str) -> str:
    """A path of a device to which LVM can be limited."""
    mapped = MAPPER + attribute(f"{device}/dm/name")
    if mapped != MAPPER and is_plain(mapped):
        return mapped
    return kernel_path(device)
