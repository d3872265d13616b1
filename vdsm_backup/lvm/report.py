# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `pvs` and `lvs` say, as data. Pure functions.

VGs are made of the report of PVs, not of `vgs`: with a replica beside its
origin, `vgs` shows one of the two and gives no sign. `pvs` marks the PV that
was not chosen, but only with --all, and its row has no VG to rely on; it is
recognized by its UUID.
"""

import json
import re
from dataclasses import dataclass

# STORAGE_DOMAIN_TAG in lib/vdsm/storage/constants.py.
DOMAIN_TAG = "RHAT_storage_domain"

PV_FIELDS = (
    "pv_name,pv_uuid,pv_duplicate,pv_missing,pv_mda_used_count,"
    "vg_name,vg_uuid,vg_attr,vg_tags,vg_systemid,vg_lock_type"
)
LV_FIELDS = "lv_name,lv_attr"

# The VG of a PV that is in use while no metadata says by which VG; and the
# name of a PV that is missing, "unknown device" where the host's lvm.conf
# says so: report/two_word_unknown_device, which no --config takes back.
UNKNOWN = "[unknown]"


@dataclass(frozen=True)
class Report:
    """
    vgs: all that were found.
    orphans: devices with a PV of a VG that was not found: its metadata is
    destroyed, or on a device that is not here.
    listed: all names of devices in the report.
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
    chosen, extra, groups = set(), {}, {}
    for row in rows:
        duplicate = _is(row, "pv_duplicate", "duplicate")
        _require_whole(row, duplicate)
        if duplicate:
            extra.setdefault(row["pv_uuid"], []).append(row["pv_name"])
            continue
        chosen.add(row["pv_uuid"])
        if row["vg_uuid"]:
            groups.setdefault(row["vg_uuid"], []).append(row)
    for uuid in extra:
        if uuid not in chosen:
            names = ", ".join(extra[uuid])
            raise ValueError(f"duplicates of a PV that is not there: {names}")
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


# A report leaves out devices that lvm does not use, with exit code 0. lvm says
# why when it is asked for the device by name. An error of the device comes
# first: a device that cannot be read also "is an md component" or "has a
# signature" (lib/filters, 2.03.16).
_ERROR = re.compile(
    r"Error reading device (?P<read>\S+) at .*|(?P<open>\S+): open failed: .*"
)
_REASON = re.compile(r"Cannot use (?P<name>\S+): (?P<why>.*)")

# Such a device was read, and is something else than a PV. The words are the
# same from 2.03.11 to 2.03.39: dev_filtered_reason() in lib/cache/lvmcache.c.
_NO_PV = {
    "device is partitioned",
    "device is an md component",
    "device has a signature",
}


def left_out(text):
    """
    What lvm says of devices that it does not use: {name: its words}, with ""
    for a device that was read and is no PV.

    text: errors of a `pvs` that was asked for the devices by name.
    """
    found = {}
    for match in _REASON.finditer(text):
        words = "" if match["why"].strip() in _NO_PV else match[0]
        found[match["name"]] = words
    for match in _ERROR.finditer(text):
        found[match[match.lastgroup]] = match[0]
    return found


# How the lines of a report begin; newer lvm has a comma on a line of its own
# (2.03.31).
_JSON = frozenset('{}[]",')


def _rows(text, kind, fields):
    # lvm writes into its report that it reads again what another host was
    # changing, or what is damaged: "  Retrying metadata scan." (2.03.16).
    lines = [s for s in text.splitlines() if s.strip()[:1] in _JSON]
    try:
        (part,) = json.loads("\n".join(lines))["report"]
        rows = [
            {field: row[field] for field in fields.split(",")}
            for row in part[kind]
        ]
    except (KeyError, TypeError) as e:
        raise ValueError(f"no report of {kind}: {e!r}")
    for row in rows:
        for field, value in row.items():
            if not isinstance(value, str):
                raise ValueError(f"{field} is no text: {value!r}")
    return rows


def _is(row, field, word):
    """
    Whether a field has its word. Raises ValueError if it has neither the word
    nor nothing: 0 and 1, or another word, are never guessed.
    """
    if row[field] not in (word, ""):
        raise ValueError(f"{field} is {row[field]!r}")
    return row[field] == word


def _require_whole(row, duplicate):
    """Raises ValueError: a row without these would hide a PV or its VG."""
    needed = ["pv_name"]
    if duplicate:
        needed += ["pv_uuid"]
    elif row["vg_name"] not in ("", UNKNOWN):
        needed += ["pv_uuid", "vg_uuid"]
    for field in needed:
        if not row[field]:
            raise ValueError(f"a row has no {field}: {row}")


def _pv(row):
    missing = _is(row, "pv_missing", "missing")
    return Pv(
        name=UNKNOWN if missing else row["pv_name"],
        uuid=row["pv_uuid"],
        missing=missing,
        has_metadata=int(row["pv_mda_used_count"] or 0) > 0,
    )


def _vg(rows, extra):
    pvs = tuple(_pv(row) for row in rows)
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
