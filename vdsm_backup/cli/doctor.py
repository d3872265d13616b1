# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor: is this host really protected."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdsm_backup.cli import layout, readings, verification, wiring
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey
from vdsm_backup.doctor import (
    checks,
    gluster,
    installed,
    killed_runs,
    launcher,
    lvm_io,
    permits,
    running,
)
from vdsm_backup.host import mounts
from vdsm_backup.storage.sources import Sources
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage

_ONE_HOST = (
    "a domain is protected when every host of its data center is: the engine"
    " tries a refused VM on other hosts; its Host Hooks tab shows the hooks"
)


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """Returns FAILED if any check found something bad."""
    findings = list(_findings(args, options))
    well = all(f.state != checks.BAD for f in findings)
    if ui.as_json:
        shown = [
            {
                "name": found.check,
                "state": found.state,
                "text": found.text,
                "hint": found.hint or None,
            }
            for found in findings
        ]
        ui.json(protected=well, checks=shown, notes=[_ONE_HOST])
    else:
        for found in findings:
            ui.lines(_text(found))
        ui.notes([_ONE_HOST])
    return Exit.DONE if well else Exit.FAILED


def _findings(
    args: argparse.Namespace, options: Config
) -> Iterator[checks.Finding]:
    if args.vdsm:
        yield from installed.plugin_fits()
        return
    yield from installed.configuration(args.config)
    yield from installed.guard(options)
    yield from permits.check(options.permits)
    yield from installed.package()
    yield from installed.hooks()
    yield from launcher.check()
    yield from _plugin(options)
    yield from installed.sudo()
    yield from installed.storage_tools(options)
    yield from lvm_io.check(options)
    yield from running.sanlock()
    yield from running.journald()
    sources = Sources(options)
    answers = Survey(sources.scans(), options.io_timeout).all()
    yield from killed_runs.check(
        os.path.abspath(options.run_dir), options.host_id, _known(answers)
    )
    directories = _directories(answers)
    yield from gluster.check(directories, mounts.table(), options)
    yield from _domains(verification.report(answers, sources, options))
    yield from running.violations(
        _flagged(answers), lambda storage: wiring.who_uses(storage, options)
    )


def _plugin(options: Config) -> Iterator[checks.Finding]:
    """Of the VDSM that runs; if it cannot be asked, of the one installed."""
    found = list(running.plugin(options))
    yield from found
    if any(finding.state == checks.NOTE for finding in found):
        yield from installed.plugin_fits()


def _known(answers: Iterable[Answer]) -> dict[str, killed_runs.Known]:
    """
    Of the domains whose flag is known, by their UUIDs. Of several places it
    is the first by name, whichever has answered first.
    """
    places: dict[str, list[readings.Reading]] = {}
    for answer in answers:
        if isinstance(answer, readings.Reading) and answer.flag:
            places.setdefault(answer.storage.sd_id, []).append(answer)
    found = {}
    for sd_id, those in places.items():
        first = min(those, key=lambda reading: reading.storage.found_at)
        assert first.flag
        path = first.storage.found_at if len(those) > 1 else ""
        found[sd_id] = killed_runs.Known(first.flag, path)
    return found


def _domains(report: verification.Report) -> Iterator[checks.Finding]:
    """What verify says of the domains of this host."""
    for verified in report.all:
        name = printable(verified.sd_id or verified.place or "")
        for error in verified.problems:
            hint = "; ".join(error.hint_lines())
            bad = verified.state == "wrong"
            state = checks.BAD if bad else checks.NOTE
            text = f"error {error.code}: {error}"
            yield checks.Finding(f"domain {name}", state, text, hint)
        for note in verified.notes:
            state = checks.NOTE
            yield checks.Finding(f"domain {name}", state, note)
    if not any(verified.problems for verified in report.all):
        state = checks.OK
        yield checks.Finding("domains", state, report.summary())


def _directories(answers: Iterable[Answer]) -> list[str]:
    """Those of file domains, and of sources that could not be searched."""
    found = (
        (
            (answer.storage.kind, answer.storage.found_at)
            if isinstance(answer, readings.Reading)
            else (answer.kind, answer.source)
        )
        for answer in answers
    )
    return [directory for kind, directory in found if kind == "file"]


def _flagged(answers: Iterable[Answer]) -> list[Storage]:
    """
    The domains that are known to be flagged. `list` tells of those whose flag
    is unknown.
    """
    return [
        answer.storage
        for answer in answers
        if isinstance(answer, readings.Reading)
        and answer.flag
        and answer.flag.value
    ]


def _text(found: checks.Finding) -> list[str]:
    """The lines for people."""
    lines = [f"{found.state:4}  {found.check}: {found.text}"]
    if found.hint:
        lines.append(f"      hint: {found.hint}")
    return [layout.harmless(line) for line in lines]
