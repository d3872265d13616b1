# SPDX-License-Identifier: GPL-2.0-or-later
"""
The block devices that LVM is limited to, and what they are.

Multipath devices are found in sysfs, without opening a device: opening one
that hangs would hang us.
"""

from __future__ import annotations

import os

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

SYSFS = "/sys"
MAPPER = "/dev/mapper/"

# multipathd begins the device-mapper UUID of its maps so (libmultipath,
# UUID_PREFIX); the rest of the UUID is the WWID of the LUN.
MPATH_UUID = "mpath-"

# lvm2 begins the device-mapper UUID of LVs so (lib/activate/dev_manager.c,
# UUID_PREFIX).
LVM_UUID = "LVM-"

# Names that can stand in `--devices`, a list with commas. VDSM leaves out
# devices with other names too (TOXIC_CHARS in lib/vdsm/storage/multipath.py).
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "0123456789"
    "_.:@=#~/+-"
)


def configured_or_multipath(configured: Sequence[str]) -> list[str]:
    """
    The paths of the configured devices, or if there are none those of all
    multipath devices of this host.
    """
    return list(configured) or multipath()


def multipath(sysfs: str = SYSFS) -> list[str]:
    """Paths of the multipath devices of this host."""
    return list(filter(is_plain, _multipath(sysfs)))


def left_out(configured: Sequence[str], sysfs: str = SYSFS) -> list[str]:
    """
    Paths of the multipath devices of this host that are not among those of
    configured_or_multipath(), because LVM cannot be limited to their names.
    """
    if configured:
        return []
    return [path for path in _multipath(sysfs) if not is_plain(path)]


def _multipath(sysfs: str) -> list[str]:
    return sorted(
        MAPPER + attribute(f"{directory}/name")
        for directory in _maps(sysfs)
        if attribute(f"{directory}/uuid").startswith(MPATH_UUID)
    )


def under_active(vg: str, sysfs: str = SYSFS) -> list[str]:
    """
    Paths of the devices under the active LVs of a VG. These are those that
    VMs run from, also where another device has the same PV. Empty if no LV of
    the VG is active.
    """
    return under_active_of([vg], sysfs)[vg]


def under_active_of(
    vgs: Iterable[str], sysfs: str = SYSFS
) -> dict[str, list[str]]:
    """
    {VG: what under_active() says of it}. A host may have a thousand LVs, so
    sysfs is searched once for all.
    """
    prefixes = {vg: f"{vg.replace('-', '--')}-" for vg in vgs}
    found: dict[str, set[str]] = {vg: set() for vg in prefixes}
    for directory in _maps(sysfs):
        name = attribute(f"{directory}/name")
        of = [vg for vg, prefix in prefixes.items() if name.startswith(prefix)]
        if of and _is_lv(directory):
            leaves = _leaves(os.path.dirname(directory))
            for vg in of:
                found[vg] |= leaves
    return {vg: sorted(filter(is_plain, found[vg])) for vg in found}


def _maps(sysfs: str) -> list[str]:
    """The directories dm/ in sysfs of all device-mapper devices."""
    block = f"{sysfs}/block"
    return [
        f"{block}/{name}/dm"
        for name in listdir(block)
        if name.startswith("dm-")
    ]


def _is_lv(directory: str) -> bool:
    """directory: dm/ of a device-mapper device in sysfs."""
    return attribute(f"{directory}/uuid").startswith(LVM_UUID)


def _leaves(device: str) -> set[str]:
    """
    Paths of the devices below a device-mapper device that are no LVs.

    device: its directory in sysfs.
    """
    found = set()
    for name in listdir(f"{device}/slaves"):
        slave = f"{device}/slaves/{name}"
        if _is_lv(f"{slave}/dm"):
            found |= _leaves(slave)
        elif attribute(f"{slave}/dm/name"):
            found.add(MAPPER + attribute(f"{slave}/dm/name"))
        else:
            found.add(kernel_path(slave))
    return found


def kernel_path(device: str) -> str:
    """
    The path that the kernel gives a device.

    device: its directory in sysfs, which has "!" for a slash in the name.
    """
    return "/dev/" + os.path.basename(device).replace("!", "/")


def wwid(device: str, sysfs: str = SYSFS) -> str:
    """
    WWID of the LUN of a multipath device, or "" if it is not known.

    A device that is no map of multipathd but has a name under /dev/mapper
    has the WWID as its name, as on all oVirt hosts (user_friendly_names no).
    """
    name = os.path.basename(os.path.realpath(device))
    uuid = attribute(f"{sysfs}/block/{name}/dm/uuid")
    if uuid.startswith(MPATH_UUID):
        return uuid[len(MPATH_UUID) :]
    if device.startswith(MAPPER):
        return os.path.basename(device)
    return ""


def block_sizes(device: str, sysfs: str = SYSFS) -> tuple[int, int] | None:
    """
    (logical, physical) size in bytes of the blocks of a device. None if they
    are not known.
    """
    name = os.path.basename(os.path.realpath(device))
    directory = f"{sysfs}/class/block/{name}"
    # A partition has those of its disk.
    for queue in (f"{directory}/queue", f"{directory}/../queue"):
        sizes = [
            attribute(f"{queue}/{kind}_block_size")
            for kind in ("logical", "physical")
        ]
        if all(size.isdigit() for size in sizes):
            return int(sizes[0]), int(sizes[1])
    return None


def is_read_only(device: str, sysfs: str = SYSFS) -> bool:
    """Whether the kernel writes nothing to a device."""
    name = os.path.basename(os.path.realpath(device))
    return attribute(f"{sysfs}/class/block/{name}/ro") == "1"


def is_plain(name: str) -> bool:
    """Whether LVM can be limited to this device."""
    return len(name) > 1 and name[0] == "/" and _PLAIN.issuperset(name)


def require_plain(name: str) -> None:
    """Raises ConfigInvalid if LVM cannot be limited to this device."""
    if not is_plain(name):
        reason = f"{name!a} is no absolute path of plain characters"
        raise errors.ConfigInvalid("device list", "[lvm] devices", reason)


def attribute(path: str) -> str:
    """A sysfs attribute, or "" if the device has none or is gone."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            return f.read().rstrip("\n")
    except OSError:
        return ""


def listdir(path: str) -> list[str]:
    """The names in a directory of sysfs; none if it is not there."""
    try:
        return os.listdir(path)
    except OSError:
        return []
