# SPDX-License-Identifier: GPL-2.0-or-later
"""
The VG of a block domain: whether LVM may change it, whether it has the LVs
that VDSM makes (BlockStorageDomain.create() in lib/vdsm/storage/blockSD.py),
and whether it is as the metadata says. No function here touches storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.metadata import domain, encoding, flag
from vdsm_backup.storage import unsafe
from vdsm_backup.text import printable
from vdsm_backup.verify.findings import Findings
from vdsm_backup.verify.left_out import UNREADY_TAG
from vdsm_backup.verify.lines import PV_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vdsm_backup.lvm.layout import Layout, Pv
    from vdsm_backup.lvm.scan import Vg

    # The sizes of a device's blocks: host/devices.py, block_sizes().
    BlockSizes = Callable[[str], "tuple[int, int] | None"]

_MIB = 1024**2

# SPECIAL_LVS_V4 in blockSD.py. VDSM activates them all when it uses a domain
# (activate_special_lvs()), and fails without one of them.
SPECIAL_LVS = (
    "metadata",
    "leases",
    "ids",
    "inbox",
    "outbox",
    "xleases",
    "master",
)

# In MiB: RESERVED_METADATA_SIZE, RESERVED_MAILBOX_SIZE, MASTER_LV_SIZE_MB in
# blockSD.py.
_SIZES = {"metadata": 17, "inbox": 8, "outbox": 8, "master": 1024}

# In areas: sd.py, LEASES_SLOTS and XLEASES_SLOTS.
_SLOTS = {"ids": 1, "leases": 2048, "xleases": 1024}

# What sanlock reads and writes for a change, in areas.
_LEAST = {"ids": 1, "leases": 2}

# VG_MDA_MIN_THRESHOLD in blockSD.py.
_LEAST_FREE = 0.2

# Bytes that new tags may take in the metadata of the VG.
_FOR_TAGS = 8 * 1024


def check(vg: Vg) -> Findings:
    """The VG itself."""
    found = Findings(looked_at=["VG"])
    hazard = unsafe.hazard(vg, vg.name)
    if hazard:
        found.problems.append(hazard)
    if UNREADY_TAG in vg.tags:
        found.notes.append(f"the VG has the tag {UNREADY_TAG}, too")
    found.problems += _tag_problems(vg)
    used = [pv for pv in vg.pvs if pv.has_metadata]
    if len(used) > 1:
        names = ", ".join(pv.name for pv in used)
        found.notes.append(
            f"{len(used)} PVs have LVM's metadata in use ({names}), VDSM"
            " supports one: it cannot move or remove PVs"
        )
    return found


def check_layout(
    vg: Vg,
    layout: Layout,
    values: Mapping[str, str],
    block_sizes: BlockSizes,
    is_read_only: Callable[[str], bool],
) -> Findings:
    """
    Its PVs and LVs.

    values: the metadata, in which keys may be missing.
    """
    found = Findings(looked_at=["PVs", "LVs"])
    _check_free(vg, layout, found)
    found.problems += _pv_problems(vg.name, layout, is_read_only)
    found.problems += _block_size_problems(
        vg.name, layout, values, block_sizes
    )
    _check_lvs(vg, layout, values, found)
    found.notes += _mapping_notes(vg, layout, values)
    return found


def _tag_problems(vg: Vg) -> Iterator[errors.Error]:
    """
    VDSM deletes tags by the names that it gives them, so a tag that has
    another one stays for ever, beside the new one.
    """
    for tag in vg.tags:
        if not tag.startswith(encoding.TAG_PREFIX):
            continue
        try:
            (line,) = encoding.decode_tags([tag], vg.name)
        except errors.DamagedMetadata:
            continue
        if encoding.encode_tag(line) != tag:
            problem = f"VDSM would not write the tag {printable(tag)} in this"
            problem += " way, and cannot delete it"
            yield errors.DamagedMetadata(vg.name, problem)


def _check_free(vg: Vg, layout: Layout, found: Findings) -> None:
    areas = [pv for pv in layout.pvs if pv.mda_size]
    if not areas:
        return
    free, size = areas[0].mda_free, areas[0].mda_size
    if free < _FOR_TAGS:
        problem = f"the metadata of the VG has {free} bytes left"
        found.problems.append(errors.ChangeWouldFail(vg.name, problem))
    elif free < size * _LEAST_FREE:
        found.notes.append(
            f"the metadata of the VG is nearly full: {free} of {size} bytes"
            " are free"
        )


def _pv_problems(
    sd_id: str, layout: Layout, is_read_only: Callable[[str], bool]
) -> Iterator[errors.Error]:
    for pv in layout.pvs:
        if pv.device_size < pv.end:
            problem = f"{pv.name} has {pv.device_size} bytes, its PV ends at"
            yield errors.DomainRefused(sd_id, f"{problem} {pv.end}")
        if is_read_only(pv.name):
            yield unsafe.read_only(pv.name, sd_id)


def _block_size_problems(
    sd_id: str,
    layout: Layout,
    values: Mapping[str, str],
    block_sizes: BlockSizes,
) -> Iterator[errors.Error]:
    """_validate_block_sizes() in blockSD.py."""
    known = {pv.name: block_sizes(pv.name) for pv in layout.pvs}
    sizes = {name: size for name, size in known.items() if size}
    if not sizes:
        return
    if len(set(sizes.values())) > 1:
        shown = ", ".join(f"{n} {a}/{b}" for n, (a, b) in sizes.items())
        problem = f"its PVs have blocks of different sizes: {shown}"
        yield errors.DomainRefused(sd_id, problem)
    stored = values.get("BLOCK_SIZE", str(domain.V4_GEOMETRY[1]))
    logical = next(iter(sizes.values()))[0]
    if stored.isdigit() and int(stored) != logical:
        problem = f"BLOCK_SIZE is {stored}, its devices have {logical}"
        yield errors.DomainRefused(sd_id, problem)


# LVs


def _check_lvs(
    vg: Vg, layout: Layout, values: Mapping[str, str], found: Findings
) -> None:
    try:
        align, _ = domain.geometry({"VERSION": "", **values}, vg.name)
    except errors.DamagedMetadata:
        align = domain.V4_GEOMETRY[0]
    for name in SPECIAL_LVS:
        lv = layout.lvs.get(name)
        if name == "xleases" and values.get("VERSION") not in flag.VERSIONS:
            continue
        if lv is None:
            problem = f"its LV {name} is missing"
            found.problems.append(errors.DomainRefused(vg.name, problem))
            continue
        least = _LEAST.get(name, 0) * align
        usual = _SLOTS.get(name, 0) * align or _SIZES[name] * _MIB
        if lv.size < least:
            fault = f"the LV has {lv.size} bytes, sanlock needs {least}"
            error = errors.LeaseAreaUnusable(vg.name, name, fault)
            found.problems.append(error)
        elif lv.size < usual:
            found.notes.append(
                f"LV {name} has {lv.size} bytes, VDSM uses up to {usual}"
            )
        if not lv.writable and name in _LEAST:
            fault = "the LV is read-only"
            error = errors.LeaseAreaUnusable(vg.name, name, fault)
            found.problems.append(error)
        elif not lv.writable:
            found.notes.append(f"LV {name} is read-only")
        if lv.tags:
            found.notes.append(
                f"LV {name} has tags, as LVs of images have: "
                f"{printable(lv.tags)}"
            )


# The mapping, PV0 and so on. VDSM writes it when the VG is changed, and reads
# it only then. So what does not fit refuses no domain.


def _mapping_notes(
    vg: Vg, layout: Layout, values: Mapping[str, str]
) -> Iterator[str]:
    if values.get("VGUUID", vg.uuid) != vg.uuid:
        shown = printable(values["VGUUID"])
        yield f"VGUUID is {shown}, the VG has {vg.uuid}"
    mapping = {key: _decoded(v) for key, v in _by_number(values)}
    uuids = {entry.get("uuid", ""): key for key, entry in mapping.items()}
    # Where a PV was removed, the offsets of those behind it stay.
    whole = list(mapping) == [f"PV{i}" for i in range(len(mapping))]
    offset = 0
    for key, entry in mapping.items():
        if whole and entry.get("mapoffset") != str(offset):
            shown = printable(entry.get("mapoffset", "-"))
            yield f"{key} has mapoffset {shown}, it should be {offset}"
        count = entry.get("pecount", "")
        offset += int(count) if count.isdigit() else 0
        pv = _with_uuid(layout, entry.get("uuid", ""))
        if pv is None:
            shown = printable(entry.get("uuid", "-"))
            yield f"{key} is a PV that is not here: {shown}"
        elif count != str(pv.extents):
            yield (
                f"{key} has {printable(count) or 'no'} extents by the"
                f" metadata, {pv.name} has {pv.extents}"
            )
    for pv in layout.pvs:
        if mapping and pv.uuid not in uuids:
            yield f"{pv.name} is a PV of the VG, and not in the metadata"
    yield from _metadata_lv_notes(layout, mapping)


def _metadata_lv_notes(
    layout: Layout, mapping: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """getMetaDataMapping() in blockSD.py wants it first on PV0."""
    if "metadata" not in layout.lvs:
        return
    parts = layout.parts("metadata")
    if not parts:
        yield "LV metadata is not plain, or on a PV that is missing"
        return
    device, offset, _ = parts[0]
    pv = next(pv for pv in layout.pvs if pv.name == device)
    if offset != pv.start:
        yield (
            f"LV metadata does not begin at the first extent of {device}:"
            " VDSM cannot add or resize PVs"
        )
    if mapping and mapping.get("PV0", {}).get("uuid") != pv.uuid:
        yield f"LV metadata is on {device}, which is not PV0"


def _by_number(values: Mapping[str, str]) -> list[tuple[str, str]]:
    found = [(k, v) for k, v in values.items() if PV_KEY.fullmatch(k)]
    return sorted(found, key=lambda item: int(item[0][2:12]))


def _decoded(value: str) -> dict[str, str]:
    """pv, uuid, pestart, pecount and mapoffset: decodePVInfo()."""
    found = {}
    for item in value.split(","):
        key, _, text = item.partition(":")
        found[key] = text
    return found


def _with_uuid(layout: Layout, uuid: str) -> Pv | None:
    for pv in layout.pvs:
        if pv.uuid == uuid:
            return pv
    return None
