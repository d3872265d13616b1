# SPDX-License-Identifier: GPL-2.0-or-later
"""
history: copies of a domain's metadata, kept on this host before each change.

By its UUID a domain has a history also when the domain is gone. A record that
--export prints is for restore --file, on this host or another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional, TypedDict

from vdsm_backup import errors
from vdsm_backup.cli import endings, layout, output, target, wiring
from vdsm_backup.cli.exits import Exit
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage import discovery
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config

_TITLES = ("N", "TIME", "BEFORE", "RESULT", "BACKUP", "CHECKSUM", "BY")
# The cell that is cut where the table is wider than the terminal.
_BY = 6


_NONE = "This host keeps no copies of storage domain {}."
_UNREADABLE = "This host keeps no copy of storage domain {} that can be read."


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


class HistoryObject(TypedDict):
    """An entry of "histories" in docs/json.md."""

    domain: str
    copies: List[CopyObject]


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns PARTLY if some copy could not be read.

    Raises HistoryFailed; HistoryNotFound for --show and --export; what
    target.uuid_of() does.
    """
    history = wiring.make_history(options)
    if args.all:
        return _all(history, ui)
    kept = _kept(history)
    ids = [
        target.uuid_of(sd, args, kept, options, ui.waits_for) for sd in args.sd
    ]
    if len(ids) > 1:
        return _several(history, list(dict.fromkeys(ids)), ui)
    (sd_id,) = ids
    if args.show:
        _show(history.get(sd_id, args.show), ui)
        return Exit.DONE
    if args.export:
        ui.whole(history.export(sd_id, args.export))
        return Exit.DONE
    copies, failed = history.all(sd_id)
    if ui.as_json:
        found = [copy_object(copy) for copy in copies]
        ui.json(domain=sd_id, copies=found, notes=_notes(failed))
    elif copies:
        _print(copies, ui)
    else:
        text = _UNREADABLE if failed else _NONE
        ui.lines([text.format(sd_id)])
        ui.notes(_where_changed(sd_id, options, ui))
    ui.notes(_notes(failed))
    return Exit.PARTLY if failed else Exit.DONE


def _where_changed(sd_id: str, options: Config, ui: UI) -> list[str]:
    """
    Where copies may be: notes on who has changed the flag last. If that was
    here, there is no host to go to.
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


def _all(history: History, ui: UI) -> Exit:
    """Of each domain that has one, the history. Raises HistoryFailed."""
    found, failed = _histories(history, history.domains())
    # A directory may be left by a change that could keep no copy.
    found = {sd_id: copies for sd_id, copies in found.items() if copies}
    if not (found or failed or ui.as_json):
        ui.lines(["This host keeps no copies."])
    return _tell(found, failed, ui)


def _several(history: History, ids: Iterable[str], ui: UI) -> Exit:
    return _tell(*_histories(history, ids), ui)


def _kept(history: History) -> list[str]:
    """UUIDs of domains that have a history."""
    try:
        return list(history.domains())
    except errors.HistoryFailed:
        # Whoever needs it finds that out.
        return []


def _histories(
    history: History, ids: Iterable[str]
) -> tuple[dict[str, list[Copy]], list[errors.Error]]:
    """({UUID: copies}, the errors of what could not be read)"""
    found: dict[str, list[Copy]] = {}
    failed: list[errors.Error] = []
    for sd_id in ids:
        try:
            found[sd_id], more = history.all(sd_id)
        except errors.HistoryFailed as e:
            failed.append(e)
            continue
        failed += more
    return found, failed


def _tell(
    found: Mapping[str, list[Copy]], failed: Sequence[errors.Error], ui: UI
) -> Exit:
    if ui.as_json:
        histories: list[HistoryObject] = [
            {"domain": sd_id, "copies": list(map(copy_object, copies))}
            for sd_id, copies in found.items()
        ]
        ui.json(histories=histories, notes=_notes(failed))
    else:
        for sd_id, copies in found.items():
            if not copies:
                ui.lines([_NONE.format(sd_id)])
                continue
            ui.lines([f"Storage domain {sd_id}:"])
            _print(copies, ui)
    ui.notes(_notes(failed))
    return Exit.PARTLY if failed else Exit.DONE


def _notes(failed: Iterable[errors.Error]) -> list[str]:
    return [output.error_line(error) for error in failed]


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


def _show(copy: Copy, ui: UI) -> None:
    if ui.as_json:
        shown = {**copy_object(copy), "lines": copy.lines}
        ui.json(domain=copy.domain, copy=shown)
        return
    ui.lines(printable(line) for line in copy.lines)


def _print(copies: list[Copy], ui: UI) -> None:
    rows = [_cells(copy_object(copy)) for copy in copies]
    ui.lines(layout.table(_TITLES, rows, ui.width, _BY))


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
