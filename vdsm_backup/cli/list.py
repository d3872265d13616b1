# SPDX-License-Identifier: GPL-2.0-or-later
"""
list: every storage domain that this host can see.

Rows of places that answer are not kept waiting for those that do not: the
table has what comes within a second, later rows follow as they come.
"""

from vdsm_backup.cli import layout, objects, output
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey, domain_of
from vdsm_backup.storage import discovery
from vdsm_backup.text import printable

# Seconds; a healthy host has answered by then.
PATIENCE = 1

_TITLES = ("UUID", "NAME", "KIND", "V", "ATTACHED", "BACKUP")
_NAME = 1
_INDENT = "    "


def run(args, options, ui):
    places = discovery.Discovery(options).places()
    survey = Survey(places, options.io_timeout)
    rows = _Rows(args.flagged)
    if ui.as_json:
        found = rows.add(survey.all())
        ui.json(domains=[domain for domain, _ in found])
    else:
        _print(survey, rows, ui)
    return Exit.PARTLY if rows.partly else Exit.DONE


class _Rows:
    """DOMAINs, with the error of each, of all that is found."""

    def __init__(self, flagged):
        self.partly = False
        self.flagged = flagged
        self._places = {}

    def add(self, answers):
        """Sorted [(DOMAIN, error)]."""
        rows = [(domain_of(answer), answer.error) for answer in answers]
        self.partly |= any(error for _, error in rows)
        for domain, _ in rows:
            places = self._places.setdefault(domain["id"], [])
            places.append(domain["place"])
        for domain, _ in rows:
            domain["notes"] += self._twins(domain)
        if self.flagged:
            # What cannot be read may be flagged.
            rows = [row for row in rows if row[0]["flag"] is not False]
        return sorted(rows, key=lambda row: objects.order(row[0]))

    def _twins(self, domain):
        if domain["id"] is None:
            return []
        others = list(self._places[domain["id"]])
        others.remove(domain["place"])
        return [f"not unique, also found: {place}" for place in others]


def _print(survey, rows, ui):
    sizes = None
    for batch in survey.batches(PATIENCE):
        found = rows.add(batch)
        if not found:
            continue
        cells = [_cells(domain) for domain, _ in found]
        if sizes is None:
            sizes = layout.sizes_of([_TITLES, *cells], ui.width, _NAME)
            ui.lines([layout.table_line(_TITLES, sizes)])
        for row, (domain, error) in zip(cells, found):
            ui.lines([layout.table_line(row, sizes)])
            ui.lines(_details(domain, error, ui.width))
    if sizes is None:
        which = "flagged storage domain" if rows.flagged else "storage domain"
        ui.notes([f"no {which} was found"])


def _cells(domain):
    return (
        domain["id"] or "-",
        printable(domain["name"] or "-"),
        domain["kind"],
        objects.version(domain),
        "-" if domain["version"] is None else _yes(bool(domain["pool"])),
        _yes(domain["flag"]),
    )


def _yes(value):
    return {True: "yes", False: "no", None: "?"}[value]


def _details(domain, error, width):
    texts = []
    if domain["flag"]:
        texts.append(objects.since(domain))
        texts.append(objects.reason(domain))
    if error:
        if domain["id"] is None:
            texts.append(printable(domain["place"]))
        texts.append(output.error_line(error))
    if domain["seal"] == "missing" and not error:
        texts.append("note: the metadata has no seal")
    texts += [f"note: {layout.harmless(note)}" for note in domain["notes"]]
    return [
        line for text in texts for line in layout.wrap(text, width, _INDENT)
    ]
