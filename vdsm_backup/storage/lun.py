# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domain that a block device is a PV of. A VM that gets the device as
a direct LUN can overwrite the whole domain.

lvm is limited to that one device. VDSM uses the metadata areas of one PV of a
VG only (Vg.metadata_pv), so of another PV of a domain lvm says that it is in
use, and not by which VG. Then the configured devices are scanned with it: the
VG must be on one of them.
"""

from __future__ import annotations

import os

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.lvm.report import cannot_be_pv
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import encoding
from vdsm_backup.vm.paths import NotADomain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.lvm.scan import Scan, Vg
    from vdsm_backup.storage.base import Options


def read(
    options: Options, device: str, timeout: float, scan: Scan | None = None
) -> list[str]:
    """
    The lines of the metadata of the domain that has this device as a PV.

    device: a path to which LVM can be limited. timeout: seconds, for all.
    scan: of this device, if there was one.

    Raises NotADomain if the device is no PV of a storage domain; LvmFailed,
    StorageTimeout if nobody knows; VolumeGroupUnsafe, DamagedMetadata.
    """
    scan = scan or Lvm([device], timeout / 2).scan()
    vgs = scan.vgs
    for error in scan.unread.values():
        if isinstance(error, errors.LvmFailed) and cannot_be_pv(error.err):
            raise NotADomain(device)
        vgs = _around(options, device, timeout / 2)
        if not vgs:
            raise error
    for vg in vgs:
        if vg.is_domain:
            vg.require_certain()
            return sorted(encoding.decode_tags(vg.tags, vg.name))
    raise NotADomain(device)


def _around(options: Options, device: str, timeout: float) -> list[Vg]:
    """The VGs that have this device as a PV, by all configured devices."""
    names = devices.configured_or_multipath(options.lvm_devices)
    real = os.path.realpath(device)
    others = [name for name in names if os.path.realpath(name) != real]
    if not others:
        return []
    return [
        vg
        for vg in Lvm([device, *others], timeout).scan().vgs
        if real in map(os.path.realpath, [*vg.devices, *vg.duplicates])
    ]
