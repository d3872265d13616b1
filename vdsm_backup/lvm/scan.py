# SPDX-License-Identifier: GPL-2.0-or-later
"""
The VGs that a scan found, and which of them may be used. Pure.
"""

from __future__ import annotations

from collections import namedtuple
from types import MappingProxyType

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping, Sequence

# STORAGE_DOMAIN_TAG in lib/vdsm/storage/constants.py. The tag of a domain that
# is being made begins with it.
DOMAIN_TAG = "RHAT_storage_domain"

# VDSM's prefix of the tags with metadata: lib/vdsm/storage/blockSD.py.
_METADATA_TAG = "MDT_"

# How tags of VDSM begin.
TAGS = (DOMAIN_TAG, _METADATA_TAG)


class Pv(
    namedtuple("Pv", "name uuid missing has_metadata others", defaults=[()])
):
    """
    A PV of a VG.

    name: its device; of a PV that is missing, "[unknown]".
    missing: whether the VG has the PV, and no device here does.
    has_metadata: whether lvm uses a metadata area on it.
    others: devices with the same PV that lvm did not choose.
    """

    __slots__ = ()
    name: str
    uuid: str
    missing: bool
    has_metadata: bool
    others: tuple[str, ...]


class Vg(
    namedtuple("Vg", "name uuid attr tags system_id lock_type pvs duplicates")
):
    """
    A VG, with the PVs that lvm has chosen for it.

    attr: the bits of vgs(8): permission, resizeable, exported, partial, ...
    tags: as lvm shows them, in its order.
    system_id, lock_type: "" in a VG of VDSM.
    duplicates: devices with a PV of this VG that lvm did not choose.
    """

    __slots__ = ()
    name: str
    uuid: str
    attr: str
    tags: tuple[str, ...]
    system_id: str
    lock_type: str
    pvs: tuple[Pv, ...]
    duplicates: tuple[str, ...]

    def describe(self) -> dict[str, Any]:
        """What vg_of() makes the same of. It is JSON."""
        return {**self._asdict(), "pvs": [pv._asdict() for pv in self.pvs]}

    @property
    def is_domain(self) -> bool:
        """Whether it has the tag of a storage domain."""
        return DOMAIN_TAG in self.tags

    @property
    def is_foreign(self) -> bool:
        """Whether it has no tag of VDSM, so that it is no broken domain."""
        return not any(tag.startswith(TAGS) for tag in self.tags)

    @property
    def devices(self) -> list[str]:
        """Devices of the chosen PVs that are not missing."""
        return [pv.name for pv in self.pvs if not pv.missing]

    @property
    def found_at(self) -> str:
        """Where the VG was found, as a text for people."""
        return f"VG {self.name} on {self._all_devices()}"

    def ambiguity(self) -> str:
        """Why the metadata may be that of another VG, or ""."""
        if not self.duplicates:
            return ""
        return (
            "duplicate PVs, a replica beside its origin: "
            f"{self._all_devices()}"
        )

    def require_certain(self) -> None:
        """Raises VolumeGroupUnsafe where there is an ambiguity()."""
        reason = self.ambiguity()
        if not reason:
            return
        error = errors.VolumeGroupUnsafe(self.name, reason)
        for pv in self._readable:
            if pv.others:
                error.each = (pv.name, *pv.others)
        raise error

    @property
    def device(self) -> str:
        """One by which lvm finds the VG, without others; "" if none is."""
        return next((pv.name for pv in self._readable), "")

    @property
    def _readable(self) -> list[Pv]:
        """The PVs that tell of the VG: on others lvm finds no VG."""
        return [pv for pv in self.pvs if pv.has_metadata and not pv.missing]

    def _all_devices(self) -> str:
        return ", ".join([*self.devices, *self.duplicates])

    def hazard(self) -> str:
        """Why the VG must not be changed, or ""."""
        missing = [pv.uuid for pv in self.pvs if pv.missing]
        if missing:
            return f"it misses PVs: {', '.join(missing)}"
        if self.attr[2:3] == "x":
            return "it is exported"
        if self.attr[3:4] == "p":
            return "it is partial"
        if self.attr[0:1] != "w":
            return "it is read-only"
        # VDSM's VGs have neither a system ID nor a lock type.
        if self.system_id:
            return f"it is foreign, of the host with ID {self.system_id}"
        if self.lock_type:
            return f"it is shared by lvmlockd, lock type {self.lock_type}"
        return ""

    @property
    def metadata_pv(self) -> Pv | None:
        """
        The PV with the VG's metadata, None if there is not exactly one. VDSM
        makes metadata areas on each PV and uses those of one PV only:
        createVG() in lib/vdsm/storage/lvm.py.
        """
        found = [pv for pv in self.pvs if pv.has_metadata]
        return found[0] if len(found) == 1 else None


def vg_of(described: Mapping[str, Any]) -> Vg:
    """The Vg that Vg.describe() has described."""
    more = {name: tuple(described[name]) for name in ("tags", "duplicates")}
    more["pvs"] = tuple(
        Pv(**{**pv, "others": tuple(pv["others"])}) for pv in described["pvs"]
    )
    return Vg(**{**described, **more})


class Scan(
    namedtuple(
        "Scan",
        "vgs unread no_pv without_areas rejected",
        defaults=((), (), MappingProxyType({})),
    )
):
    """
    What lvm found on all its devices at one time.

    vgs: all VGs, also those that are not safe to use.
    unread: {device: error} of each device that hangs, that cannot be read, or
        that has a PV of a VG whose metadata was not found.
    no_pv: the devices that were read and are no PV.
    without_areas: those of `unread` that are a part of a VG of which another
        part is not here, and were not made by VDSM.
    rejected: {device: why} of those of `no_pv` that lvm has not searched for a
        PV, since it has found something else.
    """

    __slots__ = ()
    vgs: list[Vg]
    unread: dict[str, errors.Error]
    no_pv: Sequence[str]
    without_areas: Sequence[str]
    rejected: Mapping[str, str]

    @property
    def is_complete(self) -> bool:
        """Whether all devices have answered, at one time."""
        timeout = errors.StorageTimeout
        return not any(isinstance(e, timeout) for e in self.unread.values())

    @property
    def domains(self) -> list[Vg]:
        """The VGs that are storage domains."""
        return [vg for vg in self.vgs if vg.is_domain]

    def has_only_foreign(self, name: str) -> bool:
        """
        Whether there are VGs of this name, and none of them is VDSM's. False
        if another one may be on an unread device.
        """
        found = [vg for vg in self.vgs if vg.name == name]
        if not found or self.unread:
            return False
        return all(vg.is_foreign for vg in found)

    def pick(self, name: str) -> Vg:
        """
        The VG of a domain.

        Raises DomainNotFound; AmbiguousDomain if there are two VGs of this
        name; VolumeGroupUnsafe if the VG is no storage domain, or has a
        replica beside it. If there is no such VG but an unread device, raises
        the error of that device: the VG may be on it.
        """
        found = [vg for vg in self.vgs if vg.name == name]
        if not found:
            for error in self.unread.values():
                raise error
            raise errors.DomainNotFound(name)
        if len(found) > 1:
            places = "; ".join(f"{vg.found_at} ({vg.uuid})" for vg in found)
            error = errors.AmbiguousDomain(name, places)
            error.show([("--device", vg.device or "DEV") for vg in found])
            raise error
        vg = found[0]
        if not vg.is_domain:
            reason = f"it has no tag {DOMAIN_TAG}"
            raise errors.VolumeGroupUnsafe(name, reason)
        vg.require_certain()
        return vg
