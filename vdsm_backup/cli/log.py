# SPDX-License-Identifier: GPL-2.0-or-later
"""
log: changes and refusals of this host, from its journal and its history. Reads
no storage, unless SD is a name that neither of them knows.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import (
    endings,
    layout,
    log_entries,
    output,
    parts,
    recorded,
    target,
)
from vdsm_backup.cli.copies import kept_here
from vdsm_backup.cli.exits import Exit
from vdsm_backup.host import journal_entries, journalctl
from vdsm_backup.metadata import flag
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.meant import is_name
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.cli.log_entries import LogEntry
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config

_TITLES = ("TIME", "WHAT", "RESULT", "DOMAIN", "VM", "TEXT")
# The cell that is cut where the table is wider than the terminal.
_TEXT = 5

# Columns of the name of a domain or a VM, on a terminal.
_NAME = 16

# Characters of a UUID that stand for it in a table.
_SHORT = 8


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns PARTLY if a part of the journal, of the history or of the
    configuration could not be read.

    Raises AmbiguousDomain, and what target.uuid_of() does for an SD that is
    known neither to the journal nor to the history.
    """
    history = kept_here(options)
    with telling(["the journal of this host"], ui.waits_for):
        reading = journalctl.read([0, options.uid], args.since)
    copies, failed = _copies(history)
    found = log_entries.merged(reading.entries, copies, socket.gethostname())
    if args.since is not None:
        first = _text(args.since)
        found = [entry for entry in found if entry["time"] >= first]
    known = _known(found, copies)
    unsure: list[str] = []
    if args.sd:
        is_meant, unsure = _meant(args, found, known, options, ui)
        found = [entry for entry in found if is_meant(entry)]
    if args.vm:
        found = [entry for entry in found if entry["vm_id"] == args.vm]
    if args.refused:
        refused = journal_entries.REFUSED
        found = [entry for entry in found if entry["result"] == refused]
    notes = [*reading.problems, *map(output.error_line, failed)]
    begins = reading.since
    if not ui.as_json and args.since and begins and begins <= args.since:
        # It reaches back far enough.
        begins = None
    names = recorded.names(known)
    _show(found, names, begins, [*unsure, *notes], options, ui)
    return Exit.PARTLY if notes or options.left_out else Exit.DONE


def _copies(history: History) -> tuple[list[Copy], list[errors.Error]]:
    """(all copies, the errors of those that could not be read)"""
    copies: list[Copy] = []
    failed: list[errors.Error] = []
    try:
        for sd_id in history.domains():
            found, more = history.all(sd_id)
            copies += found
            failed += more
    except errors.HistoryFailed as e:
        failed.append(e)
    return copies, failed


def _known(
    found: Iterable[LogEntry], copies: Iterable[Copy]
) -> list[recorded.Known]:
    """
    What is known of domains, oldest first. Copies that are not among the
    entries are from before all of these.
    """
    entries = [
        recorded.Known(entry["domain"], entry["name"], entry["time"])
        for entry in found
        if entry["domain"]
    ]
    return [*recorded.of_copies(copies), *entries]


def _meant(
    args: argparse.Namespace,
    found: Iterable[LogEntry],
    known: Sequence[recorded.Known],
    options: Config,
    ui: UI,
) -> tuple[Callable[[LogEntry], bool], list[str]]:
    """
    (whether an entry is of the domain that SD means, which one that is).
    """
    sd = target.plain(args.sd)
    if is_uuid(sd):
        return lambda entry: entry["domain"] == sd, []
    meant = recorded.meant(sd, known, args.command)
    sd_id, notes = (meant.sd_id, [meant.note]) if meant else (None, [])
    # What was tried on a domain that was not found then.
    lost = any(is_name(sd, e["name"] or "") for e in found if not e["domain"])
    if not (sd_id or lost):
        sd_id = target.uuid_of(sd, args, options, ui.waits_for)
        notes = [f"{printable(sd)} is storage domain {sd_id}"]

    def is_meant(entry: LogEntry) -> bool:
        if entry["domain"]:
            return entry["domain"] == sd_id
        return is_name(sd, entry["name"] or "")

    return is_meant, notes


def _show(
    found: Sequence[LogEntry],
    names: Mapping[str, str],
    since: float | None,
    notes: list[str],
    options: Config,
    ui: UI,
) -> None:
    begins = None if since is None else _text(since)
    if ui.as_json:
        notes += parts.notes(options)
        ui.json(entries=found, since=begins, notes=notes)
        return
    if found:
        short = ui.width is not None
        rows = [_cells(entry, names, short) for entry in found]
        ui.lines(layout.table(_TITLES, rows, ui.width, _TEXT))
    else:
        ui.lines(["Nothing is known of such changes and refusals here."])
    if begins:
        ui.notes([f"the journal of this host reaches back to {begins}"])
    ui.notes(notes)
    parts.show(options, ui)


def _cells(
    entry: LogEntry, names: Mapping[str, str], short: bool
) -> tuple[str, ...]:
    """names: {UUID: the name of a domain}. An answer has the UUID alone."""
    name = entry["name"] or names.get(entry["domain"] or "")
    return (
        printable(entry["time"]),
        printable(entry["action"] or entry["operation"] or "-"),
        endings.cell(entry["result"], entry["before"], entry["after"]),
        _name(name, entry["domain"], short),
        _name(entry["vm"], entry["vm_id"], short),
        _words(entry),
    )


def _name(name: str | None, uuid: str | None, short: bool) -> str:
    """Of a domain or a VM."""
    if short:
        return layout.cut(printable(name or (uuid or "-")[:_SHORT]), _NAME)
    shown = printable(uuid or "-")
    return f"{printable(name)} ({shown})" if name else shown


def _words(entry: LogEntry) -> str:
    """What there is to say beside the other cells."""
    if not entry["by"]:
        return printable(entry["message"])
    words = f"by {printable(entry['by'])}"
    if entry["reason"]:
        words += f": {printable(entry['reason'])}"
    if entry["code"]:
        words += f" (error {entry['code']})"
    return words


def _text(seconds: float) -> str:
    return time.strftime(flag.SINCE_FORMAT, time.gmtime(seconds))
