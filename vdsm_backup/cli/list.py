# SPDX-License-Identifier: GPL-2.0-or-later
"""
list: every storage domain that this host can see.

Domains of sources that answer do not wait for sources that do not. The first
rows are sorted, and later ones follow as they come. A pipe gets as first rows
what comes within a second, a terminal what comes before all is quiet.

The first rows decide the columns and their widths (domain_table.py), and no
line is changed once it is there. A pipe gets all columns, and names whole.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.cli import completion, copies, layout, objects, output
from vdsm_backup.cli.domain_table import DomainTable
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey, domain_of
from vdsm_backup.fileio import choose
from vdsm_backup.storage.sources import Failure, Sources
from vdsm_backup.text import is_uuid, listed, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.schema import DomainObject
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config

# Seconds. All sources of a healthy host have answered by then.
PATIENCE = 1

# Seconds without an answer, after which a terminal shows what is there. The
# sources of a healthy host answer one upon the other.
QUIET = 0.05


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """Returns PARTLY if some domain or source could not be read."""
    choose.start_reader(options.ioprocess)
    sources = Sources(options)
    survey = Survey(sources.scans(), options.io_timeout, ui.waits_for)
    listing = _Listing(args.flagged)
    if ui.as_json:
        answers = survey.all()
        copies.tell([answer.error for answer in answers], options)
        found = listing.add([*answers, *_left_out(sources)])
        domains = [entry.domain for entry in found]
        notes = _notes(sources) + completion.keep(listing.names, options)
        ui.json(domains=domains, notes=notes)
    else:
        _print(survey, listing, sources, ui)
        ui.notes(_notes(sources) + completion.keep(listing.names, options))
    return Exit.PARTLY if listing.partly else Exit.DONE


def _left_out(sources: Sources) -> list[Failure]:
    """VGs that are or were domains, and that VDSM does not take for one."""
    if not sources.other_vgs:
        return []
    # Hosts without LUNs do not need it.
    from vdsm_backup.verify import left_out

    found = []
    for vg in sources.other_vgs:
        error = left_out.unmade(vg)
        if error:
            sd_id = vg.name if is_uuid(vg.name) else None
            found.append(Failure(vg.found_at, error, "block", sd_id))
    return found


def _notes(sources: Sources) -> list[str]:
    return [
        f"{path}: {why}" for path, why in sorted(sources.no_sources.items())
    ]


class _Entry(namedtuple("_Entry", "domain error is_twin")):
    """
    A line of the list.

    error: the one that the domain has as its "error".
    is_twin: whether the UUID is known in another place, too.
    """

    __slots__ = ()
    domain: DomainObject
    error: errors.Error | None
    is_twin: bool


class _Listing:
    """
    All that was found until now.

    flagged: only domains that are flagged, or may be flagged, are listed.
    partly: some domain or source could not be read.
    names: {UUID: name, or "" if it is unknown} of all domains.
    """

    def __init__(self, flagged: bool) -> None:
        self.partly = False
        self.flagged = flagged
        self.names: dict[str, str] = {}
        self._places: dict[str | None, list[str]] = {}

    def add(self, answers: Iterable[Answer]) -> list[_Entry]:
        """The entries for these answers, sorted."""
        found = [(domain_of(answer), answer.error) for answer in answers]
        self.partly |= any(error for _, error in found)
        for domain, _ in found:
            places = self._places.setdefault(domain["id"], [])
            places.append(domain["place"])
            if domain["id"]:
                known = self.names.get(domain["id"], "")
                self.names[domain["id"]] = domain["name"] or known
        entries = []
        for domain, error in found:
            twins = self._twins(domain)
            domain["notes"] += twins
            entries.append(_Entry(domain, error, bool(twins)))
        if self.flagged:
            # What cannot be read may be flagged.
            entries = [e for e in entries if e.domain["flag"] is not False]
        return sorted(entries, key=lambda e: objects.sort_key(e.domain))

    def _twins(self, domain: DomainObject) -> list[str]:
        """Notes on other places in which a domain with this UUID is."""
        if domain["id"] is None:
            return []
        others = list(self._places[domain["id"]])
        others.remove(domain["place"])
        return [f"not unique, also found: {place}" for place in others]


def _print(
    survey: Survey, listing: _Listing, sources: Sources, ui: UI
) -> None:
    table = None
    terminal = ui.width is not None
    batches = survey.batches(PATIENCE, QUIET if terminal else PATIENCE)
    for batch in _and_left_out(batches, sources):
        entries = listing.add(batch)
        if not entries:
            continue
        rows = [_cells(entry.domain) for entry in entries]
        if table is None:
            more = not survey.is_complete
            table = DomainTable(rows, ui.width, more)
            ui.lines([table.titles])
        for row, entry in zip(rows, entries):
            ui.lines([table.line(row)])
            ui.lines(layout.indented(table.cut(row)))
            ui.lines(_details(entry))
    if table is None:
        flagged = "flagged " if listing.flagged else ""
        none = f"no {flagged}storage domain was found"
        ui.notes([f"{none}; {_searched(sources)}"])


def _and_left_out(
    batches: Iterable[list[Answer]], sources: Sources
) -> Iterator[list[Answer]]:
    yield from batches
    # All devices have answered now.
    yield [*_left_out(sources)]


def _searched(sources: Sources) -> str:
    where = listed(map(printable, sorted(sources.scanned)))
    text = f"searched: {where or 'nothing'}"
    if not sources.devices:
        text += "; no block device: this host has no multipath device, and"
        text += " [lvm] devices names none"
    return text


def _cells(domain: DomainObject) -> tuple[str, ...]:
    return (
        domain["id"] or "-",
        domain["kind"],
        objects.version(domain),
        "-" if domain["version"] is None else _pool(domain["pool"]),
        {True: "yes", False: "no", None: "unknown"}[domain["flag"]],
        printable(domain["name"] or "-"),
    )


def _pool(pool: str | None) -> str:
    """The pool, as the first part of its UUID."""
    return printable(pool)[:8] if pool else "no"


def _details(entry: _Entry) -> list[str]:
    """The lines under the row of an entry."""
    domain, error, is_twin = entry
    texts = []
    if is_twin or (error and domain["id"] is None):
        texts.append(printable(domain["place"]))
    if domain["flag"]:
        texts.append(objects.since(domain))
        texts.append(objects.reason(domain))
    if error:
        texts.append(output.error_line(error))
        if isinstance(error, errors.MetadataUnreadable) and error.is_closed:
            texts += [f"hint: {hint}" for hint in error.hint_lines()]
    if domain["seal"] == "missing" and not error:
        texts.append("note: the metadata has no checksum (_SHA_CKSUM)")
    texts += [f"note: {layout.harmless(note)}" for note in domain["notes"]]
    return layout.indented(texts)
