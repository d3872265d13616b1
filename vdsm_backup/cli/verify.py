# SPDX-License-Identifier: GPL-2.0-or-later
"""verify: what is wrong with the metadata of domains."""

from dataclasses import dataclass, field

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, readings, target
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey
from vdsm_backup.storage import discovery
from vdsm_backup.text import is_uuid, printable

# Nothing is known to be wrong then, but nothing can be said either.
_UNREAD = (
    errors.MetadataUnreadable,
    errors.MetadataMissing,
    errors.StorageTimeout,
    errors.LvmFailed,
)

_INDENT = "    "


@dataclass
class Row:
    """
    sd_id: None for a place that could not be looked at, or a name that names
    no domain.
    name: of the domain, or what the user called it.
    """

    sd_id: "str | None"
    name: "str | None"
    place: "str | None"
    problems: list
    notes: list = field(default_factory=list)

    @property
    def state(self):
        if not self.problems:
            return "ok"
        if all(isinstance(e, _UNREAD) for e in self.problems):
            return "unreadable"
        return "wrong"

    @property
    def order(self):
        return (self.sd_id is None, self.sd_id or "", self.place or "")


def run(args, options, ui):
    rows = _rows(args, options)
    if ui.as_json:
        ui.json(domains=[_data(row) for row in rows])
    else:
        for row in rows:
            ui.lines(_text(row, ui.width))
    return _exit_code(rows)


def _rows(args, options):
    found = target.elsewhere(args, options)
    if found is None and args.sd:
        return [_by_sd(sd, options) for sd in args.sd]
    if found is None:
        places = discovery.Discovery(options).places()
        answers = Survey(places, options.io_timeout).all()
    else:
        if args.sd:
            found = target.select(found, args.sd, args)
        answers = [readings.read(storage) for storage in found]
    rows = sorted(map(_row, answers), key=lambda row: row.order)
    _add_twins(rows)
    return rows


def _by_sd(sd, options):
    try:
        storage, failures = target.by_sd(sd, options)
    except errors.Error as e:
        uuid = target.plain(sd)
        sd_id = uuid if is_uuid(uuid) else None
        return Row(sd_id, sd, None, [e])
    row = _row(readings.read(storage))
    row.notes += output.place_notes(failures)
    return row


def _row(answer):
    if isinstance(answer, discovery.Failure):
        return Row(None, None, answer.place, [answer.error])
    domain = objects.domain(answer)
    return Row(
        domain["id"],
        domain["name"],
        domain["place"],
        list(answer.problems),
        domain["notes"],
    )


def _add_twins(rows):
    """Two domains with one UUID: a replica beside its origin."""
    places = {}
    for row in rows:
        places.setdefault(row.sd_id, []).append(printable(row.place))
    for row in rows:
        if row.sd_id and len(places[row.sd_id]) > 1:
            shown = ", ".join(places[row.sd_id])
            row.problems.append(errors.AmbiguousDomain(row.sd_id, shown))


def _data(row):
    return {
        "id": row.sd_id,
        "ok": not row.problems,
        "problems": [objects.error(e) for e in row.problems],
        "name": row.name,
        "place": row.place,
        "notes": row.notes,
    }


def _text(row, width):
    what = row.sd_id or printable(row.name or row.place)
    first = f"{what}: {row.state}"
    if row.sd_id and row.name:
        first += f", {printable(row.name)}"
    lines = layout.wrap(first, width)
    texts = []
    for problem in row.problems:
        texts.append(output.error_line(problem))
        texts += [f"hint: {hint}" for hint in problem.hint_lines()]
    texts += [f"note: {note}" for note in row.notes]
    for text in texts:
        lines += layout.wrap(layout.harmless(text), width, _INDENT)
    return lines


def _exit_code(rows):
    states = {row.state for row in rows}
    if "wrong" in states:
        return Exit.FAILED
    return Exit.PARTLY if "unreadable" in states else Exit.DONE
