# SPDX-License-Identifier: GPL-2.0-or-later
"""
The areas of sanlock and VDSM on a domain: which there must be, and what was
seen of them. Pure functions; the formats are in lease/ondisk.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.lease import local
from vdsm_backup.metadata import domain, flag
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from vdsm_backup.verify.inspections import Seen

IDS = "ids"
XLEASES = "xleases"
AREAS = (IDS, "leases", XLEASES)


def needed(values: Mapping[str, str]) -> tuple[str, ...]:
    """
    The areas that a domain with this metadata must have. A local domain has
    an empty ids, whose lock is its lease (lease/local.py). Domains that cannot
    have a flag are not looked at.
    """
    if values.get("VERSION") not in flag.VERSIONS:
        return ()
    if values.get("TYPE") == local.TYPE:
        return (IDS,)
    return AREAS


def request(
    sd_id: str, values: Mapping[str, str], host_id: int
) -> dict[str, Any] | None:
    """
    What inspect_domain.py is asked about the areas, without where they are.
    None: they cannot be read, since nothing is known of their sizes.

    values: the metadata, in which keys may be missing. host_id: that we would
    take the lease with.
    """
    try:
        align, sector = domain.geometry({"VERSION": "", **values}, sd_id)
    except errors.DamagedMetadata:
        return None
    return {
        "sd_id": sd_id,
        "align": align,
        "sector": sector,
        "host_id": host_id,
    }


def check_areas(
    sd_id: str,
    seen: Seen,
    areas: Collection[str],
    gone: Collection[str],
    as_vdsm: bool,
) -> Findings:
    """
    areas: those that there must be. gone: those of them that are not there.
    as_vdsm: who has looked may read what VDSM may.
    """
    found = Findings(notes=seen.notes)
    for area in areas:
        faults = ["it is missing"] if area in gone else seen.faults.get(area)
        if faults is None and area in seen.failed and not as_vdsm:
            text = f"{area} was not looked at: {seen.failed[area]}"
            found.unseen.append(text)
        elif faults is None and area in seen.failed:
            faults = [f"it cannot be read: {seen.failed[area]}"]
        if faults is None:
            continue
        found.looked_at.append(area)
        for fault in faults:
            if area == XLEASES:
                # VDSM looks into it when a VM has a lease.
                text = f"{area}: {fault}; VMs cannot have leases here"
                found.notes.append(text)
            else:
                error = errors.LeaseAreaUnusable(sd_id, area, fault)
                found.problems.append(error)
    return found
