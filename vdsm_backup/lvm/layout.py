# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the LVs of a VG are on its PVs, by `pvs` and `lvs`, in bytes. Pure
functions.
"""

from __future__ import annotations

import re
from collections import namedtuple

from vdsm_backup.lvm import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

PV_FIELDS = (
    "pv_name,pv_uuid,pe_start,pv_pe_count,vg_extent_size,vg_mda_free,"
    "vg_mda_size,dev_size"
)
LV_FIELDS = (
    "lv_name,lv_attr,lv_size,lv_tags,segtype,seg_start,seg_size,devices"
)

LINEAR = "linear"

# "/dev/mapper/WWID(17)": a device, and the first extent on it.
_DEVICE = re.compile(r"(?P<name>[^,]+)\((?P<extent>\d+)\)")


class Pv(
    namedtuple(
        "Pv", "name uuid start extents extent mda_free mda_size device_size"
    )
):
    """
    start: of the first extent. extents: their number. extent: size of one.
    mda_free, mda_size: of the areas for metadata of the VG.
    """

    __slots__ = ()
    name: str
    uuid: str
    start: int
    extents: int
    extent: int
    mda_free: int
    mda_size: int
    device_size: int

    @property
    def end(self) -> int:
        """Of the last extent."""
        return self.start + self.extents * self.extent


class Lv(namedtuple("Lv", "name attr size tags segments")):
    """
    attr: the bits of lvs(8). tags: with commas between them. segments: in
    their order.
    """

    __slots__ = ()
    name: str
    attr: str
    size: int
    tags: str
    segments: tuple[Segment, ...]

    @property
    def writable(self) -> bool:
        """By its metadata: an LV may be activated read-only nevertheless."""
        return self.attr[1:2] != "r"


class Segment(namedtuple("Segment", "kind start size device extent")):
    """
    start: in the LV. device, extent: the device and the first extent on it,
    of a segment whose kind is LINEAR; else "" and 0.
    """

    __slots__ = ()
    kind: str
    start: int
    size: int
    device: str
    extent: int


class Layout(namedtuple("Layout", "pvs lvs")):
    """A VG. pvs: those that are there. lvs: by their names."""

    __slots__ = ()
    pvs: list[Pv]
    lvs: dict[str, Lv]

    def parts(self, name: str) -> list[tuple[str, int, int]] | None:
        """
        (device, offset, size) of each part of an LV, in order. None: the LV is
        not plain, or a part of it is on a PV that is missing.
        """
        found = list(self._parts(self.lvs[name]))
        return found if len(found) == len(self.lvs[name].segments) else None

    def _parts(self, lv: Lv) -> Iterator[tuple[str, int, int]]:
        pvs = {pv.name: pv for pv in self.pvs}
        for segment in lv.segments:
            pv = pvs.get(segment.device)
            if pv:
                offset = pv.start + segment.extent * pv.extent
                yield pv.name, offset, segment.size


def pvs(text: str) -> list[Pv]:
    """The report of PV_FIELDS. Raises ValueError if it is none."""
    return [
        Pv(
            row["pv_name"],
            row["pv_uuid"],
            *(int(row[field]) for field in PV_FIELDS.split(",")[2:]),
        )
        for row in report.rows(text, "pv", PV_FIELDS)
    ]


def lvs(text: str) -> dict[str, Lv]:
    """The report of LV_FIELDS. Raises ValueError if it is none."""
    found: dict[str, Lv] = {}
    rows = report.rows(text, "seg", LV_FIELDS)
    for row in sorted(rows, key=lambda row: int(row["seg_start"])):
        lv = found.get(row["lv_name"])
        segments = (*lv.segments, _segment(row)) if lv else (_segment(row),)
        found[row["lv_name"]] = Lv(
            row["lv_name"],
            row["lv_attr"],
            int(row["lv_size"]),
            row["lv_tags"],
            segments,
        )
    return found


def _segment(row: dict[str, str]) -> Segment:
    match = _DEVICE.fullmatch(row["devices"])
    plain = row["segtype"] == LINEAR and match
    return Segment(
        kind=row["segtype"],
        start=int(row["seg_start"]),
        size=int(row["seg_size"]),
        device=match["name"] if plain and match else "",
        extent=int(match["extent"]) if plain and match else 0,
    )
