# SPDX-License-Identifier: GPL-2.0-or-later
"""verify: what is wrong with domains."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

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
from vdsm_backup.cli.survey import Survey
from vdsm_backup.cli.verification import (
    Report,
    Verified,
    checked,
    of_failure,
    of_stray,
    report,
)
from vdsm_backup.fileio import choose
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.discovery import Discovery
from vdsm_backup.storage.sources import Sources
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.verify import strays

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.readings import Reading
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns FAILED if something is wrong; else PARTLY if something could not
    be read.

    Raises what target.at_path_or_device() and target.select() do.
    """
    choose.start_reader(options.ioprocess)
    found = _verify(args, options, ui)
    code = _exit_code(found.all)
    if ui.as_json:
        ui.json(
            domains=[_object(verified) for verified in found.all],
            searched=found.scanned,
        )
    else:
        for verified in found.all:
            ui.lines(_text(verified))
        if code is Exit.DONE and found.is_empty:
            ui.notes([found.summary()])
        elif code is Exit.DONE:
            # It is no note, but what "ok" means of these domains.
            ui.aside(found.summary())
    return code


def _everything(options: Config, ui: UI) -> Report:
    """All domains of this host, and what VDSM does not find and may be one."""
    sources = Sources(options)
    survey = Survey(sources.scans(), options.io_timeout, ui.waits_for)
    answers = survey.all()
    return report(answers, sources, options, ui.waits_for)


def _verify(args: argparse.Namespace, options: Config, ui: UI) -> Report:
    """
    In the order of the SDs, if they are searched in all sources; else sorted.
    """
    if args.sd and not (args.path or args.device):
        each = [_by_sd(sd, args, options, ui) for sd in args.sd]
        return Report([one for some in each for one in some], [])
    discovery = Discovery(options, ui.waits_for)
    try:
        found = target.at_path_or_device(args, discovery)
    except errors.DomainNotFound:
        stray = _strays_only(args, discovery, options, ui)
        if args.sd or not stray.all:
            raise
        return stray
    if found is None:
        return _everything(options, ui)
    storages, failures = found
    if args.sd:
        storages, failures = target.select(found, args.sd, args), []
        discovery.sources.passed_over.clear()
        discovery.sources.other_vgs.clear()
    answers: list[Answer] = [_read(storage, ui) for storage in storages]
    answers += failures
    return report(answers, discovery.sources, options, ui.waits_for)


def _strays_only(
    args: argparse.Namespace, discovery: Discovery, options: Config, ui: UI
) -> Report:
    """What there is at --path or --device, where no domain was found."""
    sources = discovery.sources
    if args.path:
        mount, name = os.path.split(os.path.abspath(args.path))
        sources.passed_over.setdefault(mount, []).append(name)
    return report([], sources, options, ui.waits_for)


def _by_sd(
    sd: str, args: argparse.Namespace, options: Config, ui: UI
) -> list[Verified]:
    """
    What verify has to say of a domain that is searched in all sources, or of
    all that are at the place that SD is.
    """
    one = argparse.Namespace(**{**vars(args), "sd": sd})
    place = target.by_place(one, options)
    if place.path:
        try:
            return _verify(place, options, ui).all
        except errors.Error as e:
            return [Verified(None, sd, None, [e])]
    return [_searched(sd, one, options, ui)]


def _searched(
    sd: str, args: argparse.Namespace, options: Config, ui: UI
) -> Verified:
    discovery = Discovery(options, ui.waits_for)
    sd_id = target.plain(sd)
    try:
        storage, failures = discovery.find(sd_id)
    except errors.DomainNotFound as e:
        timeout = options.io_timeout
        found = strays.of(discovery.sources, (), (), timeout, ui.waits_for)
        meant = [stray for stray in found if stray.sd_id == sd_id]
        if meant:
            return of_stray(meant[0])
        return Verified(sd_id if is_uuid(sd_id) else None, sd, None, [e])
    except errors.Error as e:
        if isinstance(e, errors.DomainUncertain):
            target.by_uuid(e, args)
        copies.tell([e], options)
        for failure in discovery.failures:
            if failure.error is e:
                return of_failure(failure, options)
        return Verified(sd_id if is_uuid(sd_id) else None, sd, None, [e])
    (verified,) = checked([_read(storage, ui)], options, ui.waits_for)
    verified.notes += output.failure_notes(failures)
    return verified


def _read(storage: Storage, ui: UI) -> Reading:
    with telling([storage.found_at], ui.waits_for):
        return readings.read(storage)


def _object(verified: Verified) -> dict[str, Any]:
    """The VERIFIED of docs/json.md."""
    return {
        "id": verified.sd_id,
        "ok": not verified.problems,
        "problems": [objects.error_object(e) for e in verified.problems],
        "name": verified.name,
        "place": verified.place,
        "notes": verified.notes + verified.unseen,
        "looked_at": verified.looked_at,
    }


def _text(verified: Verified) -> list[str]:
    """The lines for people."""
    name, sd_id = verified.name, verified.sd_id
    subject = sd_id or printable(name or verified.place or "")
    first = f"{subject}: {verified.outcome}"
    if sd_id and name and name != sd_id:
        first += f", {printable(name)}"
    if verified.is_twin and verified.place:
        first += f", in {printable(verified.place)}"
    texts = []
    for problem in verified.problems:
        texts.append(output.error_line(problem))
        texts += [f"hint: {hint}" for hint in problem.hint_lines()]
    notes = verified.notes + verified.unseen
    texts += [f"note: {note}" for note in notes]
    return [first, *layout.indented(map(layout.harmless, texts))]


def _exit_code(all_verified: Iterable[Verified]) -> Exit:
    states = {verified.state for verified in all_verified}
    if "wrong" in states:
        return Exit.FAILED
    return Exit.PARTLY if "unreadable" in states else Exit.DONE
