# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that a block device is a part of.

A VM may get a LUN of the host as a disk. If the LUN is a PV of a storage
domain, the VM can overwrite all of the domain. sysfs tells that without I/O
where an LV of the domain is active on this host. Where sysfs tells of no VG,
the LUN has to be read: see storage/lun.py.
"""

from __future__ import annotations

from vdsm_backup.host import block_stack
from vdsm_backup.text import is_uuid
from vdsm_backup.vm.paths import BLOCK, LUN, Location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.host.block_stack import Stack


def locations(number: str) -> list[Location]:
    """The Locations of a device with this block_stack.number()."""
    return _locations(block_stack.of_number(number))


def scsi_locations(address: str) -> list[Location]:
    """The Locations of a SCSI device, "host:bus:target:unit"."""
    return _locations(block_stack.of_scsi(address))


def _locations(stack: Stack | None) -> list[Location]:
    if stack is None:
        return []
    if stack.device:
        return [Location("", LUN, stack.device, candidate=True)]
    return [Location(vg, BLOCK) for vg in stack.vgs if is_uuid(vg)]
