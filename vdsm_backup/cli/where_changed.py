# SPDX-License-Identifier: GPL-2.0-or-later
"""
On which host the copies of a domain are that this host does not keep: that of
the last change, by what the domain itself says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import output
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage import discovery
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config


def notes(sd_id: str, options: Config, ui: UI) -> list[str]:
    """
    On who has changed the flag last. If that was here, there is no host to go
    to.
    """
    try:
        search = discovery.Discovery(options, ui.waits_for)
        storage, _ = search.find(sd_id)
        with telling([storage.found_at], ui.waits_for):
            values = md_lines.parse(storage.last_scan()).values
        found = flag.read(values, sd_id)
    except errors.Error as e:
        return [f"who changed it last is not known: {output.error_line(e)}"]
    if not found.by:
        return ["nobody has changed its flag yet"]
    since = printable(found.since or "an unknown time")
    if caller.is_here(found.by):
        return [
            f"it was changed last on this host, by {printable(found.by)}, at"
            f" {since}: the copy of that is gone or damaged; other hosts keep"
            " copies of their own changes",
            f"without a copy: {errors.WITHOUT_A_COPY}",
        ]
    return [
        f"it was changed last by {printable(found.by)}, at {since}: that host"
        " keeps copies"
    ]
