# SPDX-License-Identifier: GPL-2.0-or-later
"""
VGs that VDSM takes for no domain, though they are or were one: why, and of
which domain. No function here touches storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.lvm.scan import DOMAIN_TAG
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from vdsm_backup.lvm.scan import Vg

# The tag of a domain that is being made.
UNREADY_TAG = DOMAIN_TAG + "_UNREADY"


def unmade(vg: Vg) -> errors.Error | None:
    """
    Why VDSM does not take a VG for a domain, though it is or was one. None:
    it is none.
    """
    way_out = ""
    if UNREADY_TAG in vg.tags:
        problem = f"it was never finished: its VG has the tag {UNREADY_TAG}"
        way_out = (
            "if the engine is making it now, wait; if that was broken off,"
            " nothing was stored there: make it again in the engine"
        )
    elif vg.is_domain:
        problem = "its VG has a name that is no UUID in lower case"
        way_out = _renamed_back(vg)
    elif any(tag.startswith(encoding.TAG_PREFIX) for tag in vg.tags):
        problem = f"its VG has no tag {DOMAIN_TAG}"
    else:
        return None
    problem += f" (VG UUID {vg.uuid}, on {', '.join(vg.devices)})"
    error = errors.DomainRefused(printable(vg.name), problem)
    error.way_out = [way_out] if way_out else []
    return error


def claimed(vg: Vg) -> tuple[str, str]:
    """The (UUID, name) of the domain that a VG is by its tags, or ""."""
    try:
        lines = encoding.decode_tags(vg.tags, vg.name)
    except errors.DamagedMetadata:
        return "", ""
    values = md_lines.parse(lines).values
    sd_id = values.get("SDUUID", "")
    return sd_id if is_uuid(sd_id) else "", values.get("DESCRIPTION", "")


def _renamed_back(vg: Vg) -> str:
    """What to do with a clone that vgimportclone has renamed."""
    sd_id, _ = claimed(vg)
    if not sd_id:
        return ""
    return (
        "if it is a clone, and is to be the domain while its origin is not"
        f" here: vgrename --devices {','.join(vg.devices)} {vg.name} {sd_id}"
    )
