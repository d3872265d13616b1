# SPDX-License-Identifier: GPL-2.0-or-later
"""
Formatting a domain, refused if it is flagged.

The engine formats a domain by the verb StorageDomain.format, which any host
may run, when somebody removes the domain with "Format Domain" ticked, and when
a data center of local storage is removed. It sends the verb to one host, as a
VdsBrokerCommand and not as an IrsBrokerCommand. So a refusal never costs the
SPM, whatever its code. But these codes must not be used (BrokerCommandBase,
and RemoveStorageDomainCommand, which takes a domain that does not exist for
one that was formatted):

    358              the engine forgets the domain
    22, 1100, 5022   the engine takes the host for one that does not answer
    99               ... for one that is starting

So the refusal has the code of StorageDomainFormatError (352). The engine shows
"Error formatting a storage domain", and our text in its events.

A block domain is also destroyed where one of its LUNs is made a PV anew, for a
new domain (createVG) or for another one that grows (extendStorageDomain). The
engine asks for that, with `force`, when an administrator has approved to use
LUNs that are in use. To extend a domain is a verb of the SPM. That refusal has
the code of VolumeGroupHasDomainTag (515), which is in the engine's list for
verbs of the SPM.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from vdsm_backup.guard import policy
from vdsm_backup.plugin import vdsm_errors
from vdsm_backup.plugin.gatekeeper import Gate
from vdsm_backup.text import is_uuid

if TYPE_CHECKING:
    from typing import Sequence

    from vdsm_backup.plugin.vdsm_types import Function, Hsm, StorageDomain

log = logging.getLogger("vdsm_backup")


def recycle(original: Function, config_path: str | None) -> Function:
    """
    Wraps HSM._recycle, which removes all that is on a domain. It is the last
    step of HSM.formatStorageDomain, which has seen that no pool of this host
    has the domain, and holds the exclusive lock of the domain. VDSM itself
    reads the domain under that lock.

    Adds a check. Must not break: a domain whose metadata cannot be read can
    be formatted.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(self: Hsm, dom: StorageDomain) -> None:
        from vdsm.common.exception import VdsmException
        from vdsm.storage import exception as se

        try:
            gate.require_allowed(policy.FORMAT, None, domain=dom.sdUUID)
        except VdsmException as e:
            error = vdsm_errors.refusal(se.StorageDomainFormatError, str(e))
            raise error from e
        return original(self, dom)

    return checking


def init_pvs(original: Function, config_path: str | None) -> Function:
    """
    Wraps lvm._initpvs, which makes PVs of devices, for createVG() and
    extendVG(). With `force` it does so whatever is on them.

    Adds a check of each domain that one of the devices belongs to. Must not
    break: devices that are in no VG, or in one that is no domain; what is not
    forced, where LVM itself refuses a PV that is in a VG.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(
        devices: Sequence[str], metadataSize: int, force: bool = False
    ) -> None:
        from vdsm.common.exception import VdsmException
        from vdsm.storage import exception as se

        # As the original compares it.
        found = _domains_on(devices) if force is True else []
        try:
            for sd_id in found:
                gate.require_allowed(policy.FORMAT, None, domain=sd_id)
        except VdsmException as e:
            error = vdsm_errors.refusal(se.VolumeGroupHasDomainTag, str(e))
            raise error from e
        return original(devices, metadataSize, force)

    return checking


def _domains_on(devices: Sequence[str]) -> list[str]:
    """
    UUIDs of the domains that have one of the devices, by what LVM finds there
    now. VDSM names the VG of a domain by its UUID.
    """
    from vdsm.storage import exception as se
    from vdsm.storage import lvm

    lvm._lvminfo._invalidatepvs(devices)
    found = set()
    for device in devices:
        try:
            name = lvm.getPV(device).vg_name
        except (se.InaccessiblePhysDev, AttributeError) as e:
            # It is no PV, or LVM cannot tell: VDSM has then an object without
            # attributes in its cache.
            log.info("Device %s has no domain: %s", device, e)
            continue
        if is_uuid(name):
            found.add(name)
    return sorted(found)
