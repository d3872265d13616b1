# SPDX-License-Identifier: GPL-2.0-or-later
"""show: all about one domain, or about several, each by itself."""

from __future__ import annotations

import argparse
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.cli import (
    copies,
    layout,
    objects,
    output,
    readings,
    target,
)
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.readings import Reading
from vdsm_backup.cli.who_uses import USERS, who_uses
from vdsm_backup.fileio import choose
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.text import printable
from vdsm_backup.users import users

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.schema import DomainObject
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage

# Seconds. The search for users ends by its own timeouts. If it has not ended
# this much later, something is wrong with it.
_GRACE = 5


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns FAILED if a flag is unknown; what is known is shown then, too. Of
    several SDs also if one means no domain.

    Raises what target.one() does, for a single SD.
    """
    choose.start_reader(options.ioprocess)
    if len(args.sd) > 1:
        return _several(args, options, ui)
    shown = _look(args, next(iter(args.sd), None), options, ui)
    if ui.as_json:
        ui.json(**shown.json())
    else:
        shown.print(ui)
    return Exit.FAILED if shown.reading.error else Exit.DONE


def _several(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    entries: list[dict[str, Any]] = []
    code = Exit.DONE
    for number, sd in enumerate(args.sd):
        if number:
            _empty_line(ui)
        try:
            shown = _look(args, sd, options, ui)
        except errors.Error as e:
            code = Exit.FAILED
            copies.tell([e], options)
            entries.append(_not_shown(sd, e))
            if not ui.as_json:
                ui.failure(e)
            continue
        if shown.reading.error:
            code = Exit.FAILED
        entries.append(shown.json())
        if not ui.as_json:
            shown.print(ui)
    if ui.as_json:
        ui.json(domains=entries)
    return code


def _empty_line(ui: UI) -> None:
    if not ui.as_json:
        ui.lines([""])


def _not_shown(sd: str, error: errors.Error) -> dict[str, Any]:
    """The entry of an SD that means no domain."""
    return {
        "domain": None,
        "metadata": [],
        "users": None,
        "sd": sd,
        "error": objects.error_object(error),
    }


class _Shown(NamedTuple):
    """All about one domain."""

    domain: DomainObject
    reading: Reading
    users: users.Users

    def json(self) -> dict[str, Any]:
        return {
            "domain": self.domain,
            "metadata": list(self.reading.lines),
            "users": {
                "blocking": self.users.blocking,
                "images": self.users.images,
                "notes": self.users.notes,
            },
        }

    def print(self, ui: UI) -> None:
        ui.lines(layout.fields(_fields(self.domain, self.users)))
        ui.lines(["Metadata"])
        ui.lines(layout.indented(map(printable, self.reading.lines)))
        ui.notes(_notes(self.domain, self.reading))
        if self.reading.hazard:
            for hint in self.reading.hazard.hint_lines():
                ui.aside(f"hint: {hint}")
        if self.reading.error:
            ui.failure(self.reading.error)


def _look(
    args: argparse.Namespace, sd: str | None, options: Config, ui: UI
) -> _Shown:
    """Raises what target.one() does."""
    one = argparse.Namespace(**{**vars(args), "sd": sd})
    storage, failures = target.one(one, options, ui.waits_for)
    reading, found = _read_and_find_users(storage, options, ui)
    hazard = reading.hazard
    if one.device and hazard and hazard.misses_pvs:
        # Of one LUN nobody expects the whole VG.
        reading = reading._replace(hazard=None)
    copies.tell(reading.problems, options)
    domain = objects.domain_object(reading)
    domain["notes"] += output.failure_notes(failures)
    return _Shown(domain, reading, found)


def _read_and_find_users(
    storage: Storage, options: Config, ui: UI
) -> tuple[Reading, users.Users]:
    """
    Read the domain, and find its users at the same time: on a mount that
    hangs each of them takes its whole timeout.
    """
    end = time.monotonic() + options.io_timeout + _GRACE
    place = storage.found_at
    running = Jobs(
        {
            place: lambda: readings.read(storage),
            USERS: lambda: who_uses(storage, options),
        },
        ui.waits_for,
    )
    found: dict[str, Any] = {}
    # The reading ends by its own timeouts.
    for key, result, error in running.results(
        lambda: end if place in found else threading.TIMEOUT_MAX
    ):
        if error:
            raise error
        found[key] = result
    if USERS not in found:
        found[USERS] = users.Users()
        found[USERS].unseen("who uses it: this host did not answer in time")
    return found[place], found[USERS]


def _fields(domain: DomainObject, found: users.Users) -> list[tuple[str, str]]:
    return [
        ("UUID", domain["id"] or "-"),
        ("Name", _shown(domain["name"])),
        ("Kind", f"{domain['kind']}, {_shown(domain['type'])}"),
        ("Version", objects.version(domain)),
        ("Class", _shown(domain["class"])),
        ("Attached to pool", _pool(domain)),
        ("Found at", layout.harmless(domain["place"])),
        ("Checksum", domain["seal"] or "unknown"),
        *_flag_fields(domain),
        *_listed(
            "In use by",
            [*found.blocking, *found.images] or [_nobody(found)],
        ),
        *_listed("Note", found.notes or ["-"]),
    ]


def _nobody(found: users.Users) -> str:
    where = " on this host" if found.elsewhere else ""
    return f"nobody that can be seen{where}"


def _pool(domain: DomainObject) -> str:
    if domain["pool"]:
        return printable(domain["pool"])
    return "unknown" if domain["version"] is None else "none"


def _flag_fields(domain: DomainObject) -> list[tuple[str, str]]:
    flagged = {True: "yes", False: "no", None: "unknown"}[domain["flag"]]
    fields = [("Backup domain", flagged)]
    for name, text in (
        ("reason", domain["reason"]),
        ("by", domain["by"]),
        ("since", domain["since"]),
        ("origin", domain["origin"]),
    ):
        if text:
            fields.append((f"  {name}", _shown(text)))
    if domain["origin_match"]:
        fields.append(("  origin match", domain["origin_match"]))
    return fields


def _shown(text: str | None) -> str:
    """A text from storage, harmless. "-" if there is none."""
    return printable(text) if text else "-"


def _listed(name: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    """One field with several values."""
    first, *more = [layout.harmless(text) for text in texts]
    return [(name, first), *[("", text) for text in more]]


def _notes(domain: DomainObject, reading: Reading) -> list[str]:
    """Notes for people; the error of the reading is shown by itself."""
    lesser = [e for e in reading.problems if e is not reading.error]
    return [*domain["notes"], *map(output.error_line, lesser)]
