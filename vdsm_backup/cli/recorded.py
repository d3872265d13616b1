# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which domain SD means, by what this host has recorded: in its history, in its
journal. No storage is read, so none can hang, and the domain may be gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import begins_uuid, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Optional, Tuple

    from vdsm_backup.change.copy_record import Copy

    # UUID and name of a domain at some time.
    Known = Tuple[str, Optional[str]]


def of_copies(copies: Iterable[Copy]) -> set[Known]:
    return {
        (copy.domain, md_lines.parse(copy.lines).values.get("DESCRIPTION"))
        for copy in copies
    }


def meant(sd: str, known: Iterable[Known], command: str) -> str | None:
    """
    The UUID of the only domain that had this name, or whose UUID begins so.
    None: no domain.

    sd: no UUID. command: that is to be given the UUID of one of several.

    Raises AmbiguousDomain.
    """
    short = sd.lower() if begins_uuid(sd.lower()) else None
    ids = {
        sd_id
        for sd_id, name in known
        if name == sd or (short and sd_id.startswith(short))
    }
    if len(ids) > 1:
        subject = f'Storage domain "{printable(sd)}"'
        error = errors.AmbiguousDomain(subject, listed(sorted(ids)))
        commands = [f"{PROGRAM} {command} {sd_id}" for sd_id in sorted(ids)]
        error.way_out = f"look at each: {'; '.join(commands)}"
        raise error
    return ids.pop() if ids else None
