# SPDX-License-Identifier: GPL-2.0-or-later
"""verify: what is wrong with the metadata of domains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, readings, target
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.survey import Survey
from vdsm_backup.storage.sources import Failure, Sources
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable
    from typing import Any

    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.survey import Answer
    from vdsm_backup.config import Config

# Metadata that cannot be read is not known to be wrong, and not known to be
# right either.
_UNREADABLE = (
    errors.MetadataUnreadable,
    errors.MetadataMissing,
    errors.StorageTimeout,
    errors.LvmFailed,
)


@dataclass
class Verified:
    """
    What verify has to say of a domain, of a source that could not be searched,
    or of an argument SD that means no domain. VERIFIED of docs/json.md.

    sd_id: None if there is no domain.
    name: of the domain, or the argument. None if it is unknown.
    place: None if the domain was not found.
    """

    sd_id: str | None
    name: str | None
    place: str | None
    problems: list[errors.Error]
    notes: list[str] = field(default_factory=list)

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


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns FAILED if something is wrong; else PARTLY if something could not
    be read.

    Raises what target.at_path_or_device() and target.select() do.
    """
    all_verified = _verify(args, options)
    if ui.as_json:
        ui.json(domains=[_object(verified) for verified in all_verified])
    else:
        for verified in all_verified:
            ui.lines(_text(verified))
    return _exit_code(all_verified)


def _verify(args: argparse.Namespace, options: Config) -> list[Verified]:
    """
    In the order of the SDs, if they are searched in all sources; else sorted.
    """
    found = target.at_path_or_device(args, options)
    if found is None and args.sd:
        return [_by_sd(sd, options) for sd in args.sd]
    answers: Iterable[Answer]
    if found is None:
        scans = Sources(options).scans()
        answers = Survey(scans, options.io_timeout).all()
    else:
        if args.sd:
            found = target.select(found, args.sd, args)
        answers = [readings.read(storage) for storage in found]
    all_verified = sorted(
        map(_verified, answers), key=lambda verified: verified.sort_key
    )
    _add_twins(all_verified)
    return all_verified


def _by_sd(sd: str, options: Config) -> Verified:
    """What verify has to say of a domain that is searched in all sources."""
    try:
        storage, failures = target.by_sd(sd, options)
    except errors.Error as e:
        uuid = target.plain(sd)
        sd_id = uuid if is_uuid(uuid) else None
        return Verified(sd_id, sd, None, [e])
    verified = _verified(readings.read(storage))
    verified.notes += output.failure_notes(failures)
    return verified


def _verified(answer: Answer) -> Verified:
    if isinstance(answer, Failure):
        return Verified(None, None, answer.source, [answer.error])
    domain = objects.domain_object(answer)
    return Verified(
        domain["id"],
        domain["name"],
        domain["place"],
        list(answer.problems),
        domain["notes"],
    )


def _add_twins(all_verified: Iterable[Verified]) -> None:
    """
    Add the problem that several domains have one UUID, as a replica beside
    its origin has.
    """
    places: dict[str | None, list[str]] = {}
    for verified in all_verified:
        place = printable(verified.place or "")
        places.setdefault(verified.sd_id, []).append(place)
    for verified in all_verified:
        sd_id = verified.sd_id
        if sd_id and len(places[sd_id]) > 1:
            shown = ", ".join(places[sd_id])
            verified.problems.append(errors.AmbiguousDomain(sd_id, shown))


def _object(verified: Verified) -> dict[str, Any]:
    """The VERIFIED of docs/json.md."""
    return {
        "id": verified.sd_id,
        "ok": not verified.problems,
        "problems": [objects.error_object(e) for e in verified.problems],
        "name": verified.name,
        "place": verified.place,
        "notes": verified.notes,
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
