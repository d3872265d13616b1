# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which domain SD means, by what this host has recorded: in its history, in its
journal. No storage is read, so none can hang, and the domain may be gone.

That is never certain: a domain of which this host has no record may have the
name now. So whoever goes by records says so.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional

from vdsm_backup import errors
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import meant as by_storage
from vdsm_backup.text import begins_uuid, listed, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vdsm_backup.change.copy_record import Copy


class Known(NamedTuple):
    """
    What one record says of a domain.

    time: of the record, UTC, in flag.SINCE_FORMAT. None, as the name: there
    is a record, and it cannot be read.
    """

    sd_id: str
    name: Optional[str] = None
    time: Optional[str] = None


class Meant(NamedTuple):
    """note: what is to be said of it, since it is not certain."""

    sd_id: str
    note: str


def of_copies(copies: Iterable[Copy]) -> list[Known]:
    """In the order of the copies."""
    return [
        Known(
            copy.domain,
            md_lines.parse(copy.lines).values.get("DESCRIPTION"),
            copy.time,
        )
        for copy in copies
    ]


def names(known: Iterable[Known]) -> dict[str, str]:
    """
    {UUID: the name that the domain had last}. known: of one domain, the
    oldest record first.
    """
    return {each.sd_id: each.name for each in known if each.name}


def meant(sd: str, known: Sequence[Known], command: str) -> Meant | None:
    """
    The only domain that had this name, or whose UUID begins so. None: no
    domain.

    sd: no UUID. known: as of names(). command: that is to be given the UUID
    of one of several.

    Raises AmbiguousDomain.
    """
    short = sd.lower() if begins_uuid(sd.lower()) else None
    # {UUID: when it had the name last; None: only its UUID begins so}
    found: dict[str, str | None] = {}
    for each in known:
        if each.name is not None and by_storage.is_name(sd, each.name):
            found[each.sd_id] = each.time
        elif short and each.sd_id.startswith(short):
            found.setdefault(each.sd_id)
    if not found:
        return None
    if len(found) > 1:
        raise _ambiguous(sd, found, command)
    ((sd_id, time),) = found.items()
    return Meant(sd_id, _note(sd, sd_id, time, names(known)))


def _note(
    sd: str, sd_id: str, time: str | None, named: Mapping[str, str]
) -> str:
    other = "another one may have the name now"
    if time is None:
        other = "the UUID of another one may begin so, too"
    is_old = time and not by_storage.is_name(sd, named.get(sd_id, ""))
    how = "was the name of" if is_old else "is"
    return (
        f"by the records of this host {printable(sd)} {how} storage domain"
        f" {sd_id}; {other}"
    )


def _ambiguous(
    sd: str, found: Mapping[str, str | None], command: str
) -> errors.AmbiguousDomain:
    """found: {UUID: when the domain had the name last, or None}."""
    ids = sorted(found)
    subject = f'Storage domain "{printable(sd)}"'
    error = errors.AmbiguousDomain(subject, listed(ids))
    whys = []
    for sd_id in ids:
        time = found[sd_id]
        named = f"had this name last at {printable(time or '')}"
        whys.append(f"{sd_id} {named if time else 'begins so'}")
    commands = [f"{PROGRAM} {command} {sd_id}" for sd_id in ids]
    # It may also be one of which this host has no record.
    error.way_out = (
        f"by the records of this host {', '.join(whys)}; see which one it is"
        f" now: {PROGRAM} show {shlex.quote(sd)}; look at each:"
        f" {'; '.join(commands)}"
    )
    return error
