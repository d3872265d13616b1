# SPDX-License-Identifier: GPL-2.0-or-later
"""show: all about one domain."""

import time

from vdsm_backup.cli import layout, objects, output, readings, target, wiring
from vdsm_backup.cli.exits import Exit
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.text import printable
from vdsm_backup.users import users

# The look for users ends by its own timeouts; this much later something is
# wrong with it.
_GRACE = 5


def run(args, options, ui):
    storage, failures = target.one(args, options)
    reading, found = _look(storage, options)
    domain = objects.domain(reading)
    domain["notes"] += output.place_notes(failures)
    if ui.as_json:
        ui.json(
            domain=domain,
            metadata=list(reading.lines),
            users={
                "blocking": found.blocking,
                "images": found.images,
                "notes": found.notes,
            },
        )
    else:
        ui.lines(layout.fields(_fields(domain, found), ui.width))
        ui.lines(_metadata(reading.lines, ui.width))
        ui.notes(_notes(domain, reading))
        if reading.error:
            ui.failure(reading.error)
    return Exit.FAILED if reading.error else Exit.DONE


def _look(storage, options):
    """
    (Reading, Users), looked for at once: on a mount that hangs both take
    their whole timeout.
    """
    end = time.monotonic() + options.io_timeout + _GRACE
    running = Jobs({"users": lambda: wiring.who_uses(storage, options)})
    reading = readings.read(storage)
    for _, found, error in running.results(lambda: end):
        if error:
            raise error
        return reading, found
    found = users.Users()
    found.unseen("who uses it: this host did not answer in time")
    return reading, found


def _fields(domain, found):
    return [
        ("UUID", domain["id"]),
        ("Name", _shown(domain["name"])),
        ("Kind", f"{domain['kind']}, {_shown(domain['type'])}"),
        ("Version", objects.version(domain)),
        ("Class", _shown(domain["class"])),
        ("Attached to pool", _shown(domain["pool"] or "none")),
        ("Found at", layout.harmless(domain["place"])),
        ("Seal", domain["seal"] or "unknown"),
        *_flag_fields(domain),
        *_listed(
            "In use by",
            [*found.blocking, *found.images] or ["nobody that can be seen"],
        ),
        *_listed("Note", found.notes or ["-"]),
    ]


def _flag_fields(domain):
    flagged = {True: "yes", False: "no", None: "unknown"}[domain["flag"]]
    fields = [("Backup domain", flagged)]
    for key in ("reason", "by", "since", "origin"):
        if domain[key]:
            fields.append((f"  {key}", _shown(domain[key])))
    if domain["origin_match"]:
        fields.append(("  origin match", domain["origin_match"]))
    return fields


def _shown(text):
    """A text from storage."""
    return printable(text) if text else "-"


def _listed(name, texts):
    first, *more = [layout.harmless(text) for text in texts]
    return [(name, first), *[("", text) for text in more]]


def _metadata(lines, width):
    return [
        "Metadata",
        *[
            piece
            for line in lines
            for piece in layout.wrap(printable(line), width, "    ")
        ],
    ]


def _notes(domain, reading):
    lesser = [e for e in reading.problems if e is not reading.error]
    return [*domain["notes"], *map(output.error_line, lesser)]
