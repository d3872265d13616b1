# SPDX-License-Identifier: GPL-2.0-or-later
"""A kept copy as the COPY of docs/json.md, and as a row of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypedDict

from vdsm_backup import errors
from vdsm_backup.cli import endings, layout
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vdsm_backup.change.copy_record import Copy

_TITLES = ("N", "TIME", "BEFORE", "RESULT", "BACKUP", "CHECKSUM", "BY")
# The cell that is cut where the table is wider than the terminal.
_BY = 6


class CopyObject(TypedDict):
    """COPY of docs/json.md."""

    number: int
    time: str
    by: str
    action: str
    place: str
    flag: Optional[bool]
    seal: str
    reason: Optional[str]
    via: Optional[str]
    result: Optional[str]
    after: Optional[bool]
    code: Optional[int]


def copy_object(copy: Copy) -> CopyObject:
    """The COPY of a kept copy. "flag" is None if the flag there is invalid."""
    md = md_lines.parse(copy.lines)
    return {
        "number": copy.number,
        "time": copy.time,
        "by": copy.by,
        "action": copy.action,
        "place": copy.place,
        "flag": _flag(md, copy.domain),
        "seal": md.seal,
        "reason": copy.reason,
        "via": copy.via,
        "result": copy.result,
        "after": copy.after,
        "code": copy.code,
    }


def _flag(md: md_lines.Metadata, sd_id: str) -> bool | None:
    try:
        return flag.read(md.values, sd_id).value
    except errors.InvalidFlag:
        return None


def table(copies: Iterable[Copy], width: int | None) -> list[str]:
    """The lines of a table, on a terminal of this width."""
    rows = [_cells(copy_object(copy)) for copy in copies]
    return layout.table(_TITLES, rows, width, _BY)


def _cells(copy: CopyObject) -> tuple[str, ...]:
    return (
        str(copy["number"]),
        printable(copy["time"]),
        printable(copy["action"]),
        endings.cell(copy["result"], copy["flag"], copy["after"]),
        {True: "yes", False: "no", None: "unknown"}[copy["flag"]],
        copy["seal"],
        printable(copy["by"]),
    )
