# SPDX-License-Identifier: GPL-2.0-or-later
"""verify: what is wrong with domains."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, readings, target, wiring
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.readings import Reading
from vdsm_backup.cli.survey import Survey
from vdsm_backup.storage.discovery import Discovery, ambiguous
from vdsm_backup.storage.sources import Failure, Sources
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.verify import domains, strays
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence
    from typing import Any

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage

# Metadata that cannot be read is not known to be wrong, and not known to be
# right either.
_UNREADABLE = (
    errors.MetadataUnreadable,
    errors.MetadataMissing,
    errors.StorageTimeout,
    errors.LvmFailed,
)


# Mounts and devices that are named to people: a host may have hundreds.
_SHOWN = 10


@dataclass
class Verified:
    """
    What verify has to say of a domain, of a source that could not be searched,
    or of an argument SD that means no domain. VERIFIED of docs/json.md.

    sd_id: None if there is no domain.
    name: of the domain, or the argument. None if it is unknown.
    place: None if the domain was not found.
    looked_at: what of the domain was looked at, as nouns.
    """

    sd_id: str | None
    name: str | None
    place: str | None
    problems: list[errors.Error]
    notes: list[str] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """One of "ok", "unreadable", "wrong"."""
        if not self.problems:
            return "ok"
        if all(isinstance(e, _UNREADABLE) for e in self.problems):
            return "unreadable"
        return "wrong"

    @property
    def sort_key(self) -> tuple[bool, str, str]:
        """Domains come first, by UUID; then sources."""
        return (self.sd_id is None, self.sd_id or "", self.place or "")


@dataclass
class Report:
    """
    all: in the order in which they are shown.
    scanned: the mounts, devices and directories that were searched, if
        domains were searched.
    """

    all: list[Verified]
    scanned: list[str]

    def summary(self) -> str:
        """What was looked at, for people, where nothing is wrong."""
        where = ", ".join(map(printable, self.scanned[:_SHOWN]))
        if self.scanned[_SHOWN:]:
            where += f" and {len(self.scanned) - _SHOWN} more"
        if not any(verified.sd_id for verified in self.all):
            return f"no domain was found; searched: {where or 'nothing'}"
        nouns = (noun for v in self.all for noun in v.looked_at)
        text = f"looked at: {', '.join(dict.fromkeys(nouns))}"
        return f"{text}; searched: {where}" if where else text


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns FAILED if something is wrong; else PARTLY if something could not
    be read.

    Raises what target.at_path_or_device() and target.select() do.
    """
    found = _verify(args, options)
    code = _exit_code(found.all)
    if ui.as_json:
        ui.json(
            domains=[_object(verified) for verified in found.all],
            searched=found.scanned,
        )
    else:
        for verified in found.all:
            ui.lines(_text(verified))
        if code is Exit.DONE:
            ui.notes([found.summary()])
    return code


def everything(options: Config) -> Report:
    """All domains of this host, and what VDSM does not find and may be one."""
    sources = Sources(options)
    answers = Survey(sources.scans(), options.io_timeout).all()
    return report(answers, sources, options)


def _verify(args: argparse.Namespace, options: Config) -> Report:
    """
    In the order of the SDs, if they are searched in all sources; else sorted.
    """
    discovery = Discovery(options)
    try:
        found = target.at_path_or_device(args, options, discovery)
    except errors.DomainNotFound:
        stray = _strays_only(args, discovery, options)
        if args.sd or not stray.all:
            raise
        return stray
    if found is None and args.sd:
        return Report([_by_sd(sd, options) for sd in args.sd], [])
    if found is None:
        return everything(options)
    if args.sd:
        found = target.select(found, args.sd, args)
        discovery.sources.passed_over.clear()
        discovery.sources.other_vgs.clear()
    answers = [readings.read(storage) for storage in found]
    return report(answers, discovery.sources, options)


def report(
    answers: Sequence[Answer], sources: Sources, options: Config
) -> Report:
    """
    All that is at the sources, sorted.

    answers: of a Survey of these sources.
    """
    found = [answer for answer in answers if isinstance(answer, Reading)]
    all_verified = _checked(found, options)
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    all_verified += map(_failed, failures)
    failed = {failure.source for failure in failures}
    directories = {reading.storage.found_at for reading in found}
    all_verified += map(
        _stray, strays.of(sources, directories, failed, options.io_timeout)
    )
    all_verified.sort(key=lambda verified: verified.sort_key)
    _add_twins(all_verified, [reading.storage for reading in found])
    return Report(all_verified, sorted(sources.scanned))


def _strays_only(
    args: argparse.Namespace, discovery: Discovery, options: Config
) -> Report:
    """What there is at --path or --device, where no domain was found."""
    sources = discovery.sources
    if args.path:
        mount, name = os.path.split(os.path.abspath(args.path))
        sources.passed_over.setdefault(mount, []).append(name)
    return report([], sources, options)


def _by_sd(sd: str, options: Config) -> Verified:
    """What verify has to say of a domain that is searched in all sources."""
    discovery = Discovery(options)
    sd_id = target.plain(sd)
    try:
        storage, failures = discovery.find(sd_id)
    except errors.DomainNotFound as e:
        found = strays.of(discovery.sources, (), (), options.io_timeout)
        meant = [stray for stray in found if stray.sd_id == sd_id]
        if meant:
            return _stray(meant[0])
        return Verified(sd_id if is_uuid(sd_id) else None, sd, None, [e])
    except errors.Error as e:
        return Verified(sd_id if is_uuid(sd_id) else None, sd, None, [e])
    (verified,) = _checked([readings.read(storage)], options)
    verified.notes += output.failure_notes(failures)
    return verified


def _checked(found: Sequence[Reading], options: Config) -> list[Verified]:
    history = wiring.make_history(options)
    all_findings = domains.check(found, options, history)
    return [_verified(*pair) for pair in zip(found, all_findings)]


def _verified(reading: Reading, findings: Findings) -> Verified:
    domain = objects.domain_object(reading)
    told = {(type(e), str(e)) for e in reading.problems}
    return Verified(
        domain["id"],
        domain["name"],
        domain["place"],
        reading.problems
        + [e for e in findings.problems if (type(e), str(e)) not in told],
        domain["notes"] + findings.notes,
        findings.looked_at,
    )


def _failed(failure: Failure) -> Verified:
    """
    A source that could not be searched, or the directory of a domain in which
    no dom_md could be looked for.
    """
    problems = [failure.error]
    name = os.path.basename(failure.source)
    if failure.kind != "file" or not is_uuid(name):
        return Verified(None, None, failure.source, problems)
    if os.strerror(errno.EACCES) in str(failure.error):
        reason = "it may not be entered"
        problems.append(errors.AccessRefused(name, failure.source, reason))
    return Verified(name, None, failure.source, problems)


def _stray(stray: strays.Stray) -> Verified:
    findings = stray.findings
    return Verified(
        stray.sd_id, None, stray.place, findings.problems, findings.notes
    )


def _add_twins(
    all_verified: Iterable[Verified], storages: Sequence[Storage]
) -> None:
    """
    Add the problem that several domains have one UUID, as a replica beside
    its origin has, or one storage that is mounted twice.

    storages: of those that are no strays.
    """
    places: dict[str | None, list[str]] = {}
    for verified in all_verified:
        place = printable(verified.place or "")
        places.setdefault(verified.sd_id, []).append(place)
    for verified in all_verified:
        sd_id = verified.sd_id
        if sd_id and len(places[sd_id]) > 1:
            shown = ", ".join(places[sd_id])
            error = errors.AmbiguousDomain(sd_id, shown)
            same = [storage for storage in storages if storage.sd_id == sd_id]
            if len(same) == len(places[sd_id]):
                error = ambiguous(sd_id, same)
            verified.problems.append(error)


def _object(verified: Verified) -> dict[str, Any]:
    """The VERIFIED of docs/json.md."""
    return {
        "id": verified.sd_id,
        "ok": not verified.problems,
        "problems": [objects.error_object(e) for e in verified.problems],
        "name": verified.name,
        "place": verified.place,
        "notes": verified.notes,
        "looked_at": verified.looked_at,
    }


def _text(verified: Verified) -> list[str]:
    """The lines for people."""
    name, sd_id = verified.name, verified.sd_id
    subject = sd_id or printable(name or verified.place or "")
    first = f"{subject}: {verified.state}"
    if sd_id and name:
        first += f", {printable(name)}"
    texts = []
    for problem in verified.problems:
        texts.append(output.error_line(problem))
        texts += [f"hint: {hint}" for hint in problem.hint_lines()]
    texts += [f"note: {note}" for note in verified.notes]
    return [first, *layout.indented(map(layout.harmless, texts))]


def _exit_code(all_verified: Iterable[Verified]) -> Exit:
    states = {verified.state for verified in all_verified}
    if "wrong" in states:
        return Exit.FAILED
    return Exit.PARTLY if "unreadable" in states else Exit.DONE
