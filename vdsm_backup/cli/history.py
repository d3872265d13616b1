# SPDX-License-Identifier: GPL-2.0-or-later
"""
history: copies of a domain's metadata, kept on this host before each change.

By UUID also for a domain that is gone.
"""

from vdsm_backup import errors
from vdsm_backup.cli import layout, output, target, wiring
from vdsm_backup.cli.exits import Exit
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

_TITLES = ("N", "TIME", "BEFORE", "BACKUP", "SEAL", "BY")
_BY = 5


def run(args, options, ui):
    sd_id = target.uuid_of(args.sd, options)
    kept = wiring.keeper(options)
    if args.show:
        _show(kept.get(sd_id, args.show), ui)
        return Exit.DONE
    copies, failed = _read(kept, sd_id)
    if ui.as_json:
        rows = [data(copy) for copy in copies]
        ui.json(domain=sd_id, copies=rows, notes=_notes(failed))
    else:
        _print(sd_id, copies, ui)
        ui.notes(_notes(failed))
    return Exit.PARTLY if failed else Exit.DONE


def _read(kept, sd_id):
    """(copies, errors of those that are damaged)"""
    copies, failed = [], []
    for number in kept.numbers(sd_id):
        try:
            copies.append(kept.get(sd_id, number))
        except errors.Error as e:
            failed.append(e)
    return copies, failed


def _notes(failed):
    return [output.error_line(error) for error in failed]


def data(copy):
    """The COPY object of docs/json.md."""
    md = md_lines.parse(copy.lines)
    return {
        "number": copy.number,
        "time": copy.time,
        "by": copy.by,
        "action": copy.action,
        "place": copy.place,
        "flag": _flag(md, copy.domain),
        "seal": md.seal,
    }


def _flag(md, sd_id):
    try:
        return flag.read(md.values, sd_id).value
    except errors.InvalidFlag:
        return None


def _show(copy, ui):
    if ui.as_json:
        ui.json(domain=copy.domain, copy={**data(copy), "lines": copy.lines})
        return
    ui.lines(printable(line) for line in copy.lines)


def _print(sd_id, copies, ui):
    if not copies:
        ui.lines([f"This host keeps no copies of storage domain {sd_id}."])
        return
    rows = [_cells(data(copy)) for copy in copies]
    ui.lines(layout.table(_TITLES, rows, ui.width, _BY))


def _cells(copy):
    return (
        str(copy["number"]),
        printable(copy["time"]),
        printable(copy["action"]),
        {True: "yes", False: "no", None: "?"}[copy["flag"]],
        copy["seal"],
        printable(copy["by"]),
    )
