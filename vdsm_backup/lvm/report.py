# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `pvs` and `lvs` report, as data. Pure functions.

VGs are made of the report of PVs, not of `vgs`. With a replica beside its
origin, `vgs` shows one of the two and gives no sign. `pvs` marks the PV that
lvm did not choose, but only with --all. The VG in the row of such a PV cannot
be relied on, so the row is matched with the chosen PV by the UUID of the PV.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple

from vdsm_backup.lvm.scan import Pv, Vg

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Sequence

    # {field: value}
    Row = dict[str, str]

PV_FIELDS = (
    "pv_name,pv_uuid,pv_duplicate,pv_missing,"
    "pv_mda_count,pv_mda_used_count,"
    "vg_name,vg_uuid,vg_attr,vg_tags,vg_systemid,vg_lock_type"
)
LV_FIELDS = "lv_name,lv_attr"

# Two things have this name: the VG of a PV that is in use, where no metadata
# tells which VG that is; and a PV that is missing. lvm calls the latter
# "unknown device" where the host's lvm.conf says so:
# report/two_word_unknown_device, which no --config takes back.
UNKNOWN = "[unknown]"


class Report(namedtuple("Report", "vgs orphans listed no_pv without_areas")):
    """
    A report of PVs.

    vgs: all VGs that were found.
    orphans: devices with a PV of a VG that was not found. The metadata of the
        VG is destroyed, or on a device that is not here.
    listed: the names of all devices in the report.
    no_pv: those of devices that are no PV.
    without_areas: those orphans that were made without a metadata area. They
        are no PVs of VDSM, which makes two on each: _initpvs() in
        lib/vdsm/storage/lvm.py.
    """

    __slots__ = ()
    vgs: list[Vg]
    orphans: list[str]
    listed: list[str]
    no_pv: list[str]
    without_areas: list[str]


class Lv(namedtuple("Lv", "name open")):
    """
    open: whether something on this host has the LV open. Where activation is
        off (no device-mapper) lvm cannot tell, and nothing can be open.
    """

    __slots__ = ()
    name: str
    open: bool


def pvs(text: str) -> Report:
    """The Report of a `pvs` of PV_FIELDS. Raises ValueError if it is none."""
    found = rows(text, "pv", PV_FIELDS)
    chosen: set[str] = set()
    duplicates: dict[str, list[str]] = {}
    groups: dict[str, list[Row]] = {}
    for row in found:
        duplicate = _is(row, "pv_duplicate", "duplicate")
        _require_whole(row, duplicate)
        if duplicate:
            names = duplicates.setdefault(row["pv_uuid"], [])
            names.append(row["pv_name"])
            continue
        chosen.add(row["pv_uuid"])
        if row["vg_uuid"]:
            groups.setdefault(row["vg_uuid"], []).append(row)
    for uuid, names in duplicates.items():
        if uuid not in chosen:
            listed = ", ".join(names)
            raise ValueError(f"duplicates of a PV that is not there: {listed}")
    orphans = [row for row in found if row["vg_name"] == UNKNOWN]
    return Report(
        vgs=[_vg(group, duplicates) for group in groups.values()],
        orphans=[row["pv_name"] for row in orphans],
        listed=[row["pv_name"] for row in found],
        no_pv=[
            row["pv_name"]
            for row in found
            if not row["pv_uuid"] and not row["vg_name"]
        ],
        without_areas=[
            row["pv_name"] for row in orphans if row["pv_mda_count"] == "0"
        ],
    )


def lvs(text: str) -> list[Lv]:
    """The LVs of a `lvs` of LV_FIELDS. Raises ValueError if it is none."""
    return [
        Lv(name=row["lv_name"], open=row["lv_attr"][5:6] == "o")
        for row in rows(text, "lv", LV_FIELDS)
    ]


# A report leaves out devices that lvm does not use, with exit code 0. lvm says
# why when it is asked for the device by name. What lvm says of an error of the
# device goes before the reason for leaving the device out: of a device that
# cannot be read, lvm also says that it "is an md component" or "has a
# signature" (lib/filters, 2.03.16).
_ERROR = re.compile(
    r"Error reading device (?P<read>\S+) at .*|(?P<open>\S+): open failed: .*"
)
_REASON = re.compile(r"Cannot use (?P<name>\S+): (?P<why>.*)")

# The reasons for which a device was read, and is something else than a PV.
# They are the same from 2.03.11 to 2.03.39: dev_filtered_reason() in
# lib/cache/lvmcache.c.
_NO_PV = {
    "device is partitioned",
    "device is an md component",
    "device has a signature",
}


def rejected(text: str) -> dict[str, str]:
    """
    {name of a device: why}, of the devices that left_out() has "" for. A PV
    may be there nevertheless, and something else over it, or beside it.
    """
    empty = [name for name, message in left_out(text).items() if not message]
    return {
        match["name"]: match["why"].strip()
        for match in _REASON.finditer(text)
        if match["name"] in empty
    }


# The reasons for which a device is no PV here, whatever is on it.
_NEVER_A_PV = (
    "device type is unknown",
    "device is too small (pv_min_size)",
    "device is an LV",
)


def cannot_be_pv(message: str) -> bool:
    """Whether a message of left_out() says so."""
    return message.endswith(_NEVER_A_PV)


def left_out(text: str) -> dict[str, str]:
    """
    Why lvm does not use devices: {name of a device: the message of lvm}. The
    message is "" for a device that was read and is no PV.

    text: errors of a `pvs` that was asked for the devices by name.
    """
    found = {}
    for match in _REASON.finditer(text):
        is_no_pv = match["why"].strip() in _NO_PV
        found[match["name"]] = "" if is_no_pv else match[0]
    for match in _ERROR.finditer(text):
        found[match["read"] or match["open"]] = match[0]
    return found


# How the lines of a report begin; newer lvm has a comma on a line of its own
# (2.03.31).
_JSON = frozenset('{}[]",')


def rows(text: str, kind: str, fields: str) -> list[Row]:
    """
    The rows of a report in JSON, with these fields.

    kind: "pv", "lv" or "seg". Raises ValueError if it is no such report.
    """
    # lvm also writes into its report that it reads metadata again, which
    # another host was changing or which is damaged:
    # "  Retrying metadata scan." (2.03.16).
    lines = [s for s in text.splitlines() if s.strip()[:1] in _JSON]
    try:
        (part,) = json.loads("\n".join(lines))["report"]
        found = [
            {field: row[field] for field in fields.split(",")}
            for row in part[kind]
        ]
    except (KeyError, TypeError) as e:
        raise ValueError(f"no report of {kind}: {e!r}")
    for row in found:
        for field, value in row.items():
            if not isinstance(value, str):
                raise ValueError(f"{field} is no text: {value!r}")
    return found


def _is(row: Row, field: str, word: str) -> bool:
    """
    Whether a field has this word, rather than being empty. What 0 and 1, or
    another word, could mean is never guessed: that raises ValueError.
    """
    if row[field] not in (word, ""):
        raise ValueError(f"{field} is {row[field]!r}")
    return row[field] == word


def _require_whole(row: Row, duplicate: bool) -> None:
    """Raises ValueError if an empty field would hide a PV or its VG."""
    needed = ["pv_name"]
    if duplicate:
        needed += ["pv_uuid"]
    elif row["vg_name"] not in ("", UNKNOWN):
        needed += ["pv_uuid", "vg_uuid"]
    for field in needed:
        if not row[field]:
            raise ValueError(f"a row has no {field}: {row}")


def _pv(row: Row, others: Sequence[str]) -> Pv:
    missing = _is(row, "pv_missing", "missing")
    return Pv(
        name=UNKNOWN if missing else row["pv_name"],
        uuid=row["pv_uuid"],
        missing=missing,
        has_metadata=int(row["pv_mda_used_count"] or 0) > 0,
        others=tuple(others),
    )


def _vg(rows: Sequence[Row], duplicates: Mapping[str, list[str]]) -> Vg:
    """
    The VG of the rows of its PVs.

    duplicates: {UUID of a PV: devices that lvm did not choose for it}, also
        of PVs of other VGs.
    """
    pvs = tuple(_pv(row, duplicates.get(row["pv_uuid"], ())) for row in rows)
    first = rows[0]
    return Vg(
        name=first["vg_name"],
        uuid=first["vg_uuid"],
        attr=first["vg_attr"],
        tags=tuple(filter(None, first["vg_tags"].split(","))),
        system_id=first["vg_systemid"],
        lock_type=first["vg_lock_type"],
        pvs=pvs,
        duplicates=tuple(name for pv in pvs for name in pv.others),
    )
