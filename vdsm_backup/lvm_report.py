# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `pvs` and `lvs` say, as data. Pure functions.

VGs are made of the report of PVs, not of `vgs`: with a replica beside its
origin, `vgs` shows one of the two and gives no sign. `pvs` marks the PV that
was not chosen, but only with --all, and its row has no VG to rely on; it is
recognized by its UUID.
"""

import json
from dataclasses import dataclass

# STORAGE_DOMAIN_TAG in lib/vdsm/storage/constants.py.
DOMAIN_TAG = "RHAT_storage_domain"

PV_FIELDS = (
    "pv_name,pv_uuid,pv_duplicate,pv_missing,pv_mda_used_count,"
    "vg_name,vg_uuid,vg_attr,vg_tags,vg_systemid,vg_lock_type"
)
LV_FIELDS = "lv_name,lv_attr"

# The VG of a PV that is in use while no metadata says by which VG.
UNKNOWN = "[unknown]"


@dataclass(frozen=True)
class Report:
    """
    vgs: all that were found.
    orphans: devices with a PV of a VG that was not found: its metadata is
    destroyed, or on a device that is not here.
    listed: all devices in the report.
    """

    vgs: list
    orphans: list
    listed: list


@dataclass(frozen=True)
class Pv:
    name: str
    uuid: str
    missing: bool
    has_metadata: bool


@dataclass(frozen=True)
class Vg:
    """
    attr: the bits of vgs(8): permission, resizeable, exported, partial, ...
    duplicates: devices with a PV of this VG that lvm did not choose.
    """

    name: str
    uuid: str
    attr: str
    tags: tuple
    system_id: str
    lock_type: str
    pvs: tuple
    duplicates: tuple

    @property
    def is_domain(self):
        return DOMAIN_TAG in self.tags

    @property
    def devices(self):
        return [pv.name for pv in self.pvs if not pv.missing]

    @property
    def place(self):
        names = [*self.devices, *self.duplicates]
        return f"VG {self.name} on {', '.join(names)}"

    def ambiguity(self):
        """Why the metadata may be that of another VG, or ""."""
        if not self.duplicates:
            return ""
        return (
            f"duplicate PVs, a replica beside its origin: "
            f"{', '.join([*self.devices, *self.duplicates])}"
        )

    def hazard(self):
        """Why it must not be changed, or ""."""
        missing = [pv.uuid for pv in self.pvs if pv.missing]
        if missing:
            return f"it misses PVs: {', '.join(missing)}"
        if self.attr[2:3] == "x":
            return "it is exported"
        if self.attr[3:4] == "p":
            return "it is partial"
        if self.attr[0:1] != "w":
            return "it is read-only"
        # VDSM's VGs have neither.
        if self.system_id:
            return f"it is foreign, of the host with ID {self.system_id}"
        if self.lock_type:
            return f"it is shared by lvmlockd, lock type {self.lock_type}"
        return ""

    @property
    def metadata_pv(self):
        """
        The PV with the VG's metadata, None if it is not exactly one. VDSM
        makes metadata areas on each PV and uses those of one PV only:
        createVG() in lib/vdsm/storage/lvm.py.
        """
        found = [pv for pv in self.pvs if pv.has_metadata]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Lv:
    """
    open: something on this host has it open. Where activation is off (no
    device-mapper) lvm cannot tell, and nothing can be open.
    """

    name: str
    open: bool


def pvs(text):
    """A Report. Raises ValueError."""
    rows = _rows(text, "pv", PV_FIELDS)
    extra = {}
    for row in rows:
        if row["pv_duplicate"]:
            extra.setdefault(row["pv_uuid"], []).append(row["pv_name"])
    groups = {}
    for row in rows:
        if row["vg_uuid"] and not row["pv_duplicate"]:
            groups.setdefault(row["vg_uuid"], []).append(row)
    return Report(
        vgs=[_vg(group, extra) for group in groups.values()],
        orphans=[r["pv_name"] for r in rows if r["vg_name"] == UNKNOWN],
        listed=[row["pv_name"] for row in rows],
    )


def lvs(text):
    """LVs of a report of LVs. Raises ValueError."""
    return [
        Lv(name=row["lv_name"], open=row["lv_attr"][5:6] == "o")
        for row in _rows(text, "lv", LV_FIELDS)
    ]


# How the lines of a report begin; newer lvm has a comma on a line of its own
# (2.03.31).
_JSON = frozenset('{}[]",')


def _rows(text, kind, fields):
    # lvm writes into its report that it reads again what another host was
    # changing, or what is damaged: "  Retrying metadata scan." (2.03.16).
    lines = [s for s in text.splitlines() if s.strip()[:1] in _JSON]
    try:
        return [
            {field: row[field] for field in fields.split(",")}
            for part in json.loads("\n".join(lines))["report"]
            for row in part[kind]
        ]
    except (KeyError, TypeError) as e:
        raise ValueError(f"no report of {kind}: {e!r}")


def _vg(rows, extra):
    pvs = tuple(
        Pv(
            name=row["pv_name"],
            uuid=row["pv_uuid"],
            missing=bool(row["pv_missing"]),
            has_metadata=row["pv_mda_used_count"] not in ("", "0"),
        )
        for row in rows
    )
    first = rows[0]
    return Vg(
        name=first["vg_name"],
        uuid=first["vg_uuid"],
        attr=first["vg_attr"],
        tags=tuple(filter(None, first["vg_tags"].split(","))),
        system_id=first["vg_systemid"],
        lock_type=first["vg_lock_type"],
        pvs=pvs,
        duplicates=tuple(
            name for pv in pvs for name in extra.get(pv.uuid, ())
        ),
    )
