# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which block devices are meant, and what they are.

Multipath devices are found in sysfs, without opening a device: opening one
that hangs would hang us.
"""

import glob
import os
import re

from vdsm_backup import errors

SYSFS = "/sys"
MAPPER = "/dev/mapper/"

# multipathd prefixes the device-mapper UUID of its maps so (libmultipath,
# UUID_PREFIX); the rest of the UUID is the WWID of the LUN.
_MPATH = "mpath-"

# lvm2 prefixes those of LVs so (lib/activate/dev_manager.c, UUID_PREFIX).
_LVM = "LVM-"

# Names that mean the same in `--devices`, a list with commas, and in a
# filter, a regular expression. VDSM leaves out devices with other names too
# (TOXIC_CHARS in lib/vdsm/storage/multipath.py).
_PLAIN = re.compile(r"/[A-Za-z0-9_.:@=#~/+-]+")


def meant(configured):
    """The devices of the configuration, or all multipath devices."""
    return list(configured) or multipath()


def multipath(sysfs=SYSFS):
    """Paths of the multipath devices of this host."""
    found = []
    for directory in glob.glob(f"{glob.escape(sysfs)}/block/dm-*/dm"):
        if _read(f"{directory}/uuid").startswith(_MPATH):
            path = MAPPER + _read(f"{directory}/name")
            if _PLAIN.fullmatch(path):
                found.append(path)
    return sorted(found)


def under_active(vg, sysfs=SYSFS):
    """
    Paths of the devices under the active LVs of a VG: those that VMs run
    from, also where another device has the same PV. Empty if none is active.
    """
    prefix = f"{vg.replace('-', '--')}-"
    found = set()
    for directory in glob.glob(f"{glob.escape(sysfs)}/block/dm-*/dm"):
        if _read(f"{directory}/name").startswith(prefix) and _is_lv(directory):
            found |= _leaves(os.path.dirname(directory))
    return sorted(path for path in found if _PLAIN.fullmatch(path))


def _is_lv(directory):
    return _read(f"{directory}/uuid").startswith(_LVM)


def _leaves(device):
    """Below a device-mapper device in sysfs, what is no LV itself."""
    found = set()
    for slave in glob.glob(f"{glob.escape(device)}/slaves/*"):
        if _is_lv(f"{slave}/dm"):
            found |= _leaves(slave)
        elif _read(f"{slave}/dm/name"):
            found.add(MAPPER + _read(f"{slave}/dm/name"))
        else:
            # sysfs writes a slash in the name of a device as "!".
            found.add("/dev/" + os.path.basename(slave).replace("!", "/"))
    return found


def wwid(device, sysfs=SYSFS):
    """
    WWID of the LUN of a multipath device, or "" if it is not known.

    A device that is no map of multipathd but has a name under /dev/mapper
    has the WWID as name, as on all oVirt hosts (user_friendly_names no).
    """
    name = os.path.basename(os.path.realpath(device))
    uuid = _read(f"{sysfs}/block/{name}/dm/uuid")
    if uuid.startswith(_MPATH):
        return uuid[len(_MPATH) :]
    if device.startswith(MAPPER):
        return os.path.basename(device)
    return ""


def require_plain(name):
    """Raises ConfigInvalid if LVM cannot be limited to this device."""
    if not _PLAIN.fullmatch(name):
        reason = f"{name!a} is no absolute path of plain characters"
        raise errors.ConfigInvalid("device list", "[lvm] devices", reason)


def _read(path):
    """A sysfs attribute, or "" if the device has none or is gone."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as f:
            return f.read().rstrip("\n")
    except OSError:
        return ""
