# SPDX-License-Identifier: GPL-2.0-or-later
"""
history: copies of a domain's metadata, kept on this host before each change.

By its UUID a domain has a history also when the domain is gone. A record that
--export prints is for restore --file, on this host or another.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, List, Optional, TypedDict

from vdsm_backup import errors
from vdsm_backup.cli import (
    copy_objects,
    objects,
    output,
    parts,
    recorded,
    target,
    where_changed,
)
from vdsm_backup.cli.copies import kept_here
from vdsm_backup.cli.copy_objects import CopyObject, copy_object
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.schema import ErrorObject
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config

_NONE = "This host keeps no copies of storage domain {}."
_UNREADABLE = "This host keeps no copy of storage domain {} that can be read."


class _WithError(TypedDict, total=False):
    sd: str
    error: ErrorObject


class HistoryObject(_WithError):
    """An entry of "histories" in docs/json.md."""

    domain: Optional[str]
    copies: List[CopyObject]


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns PARTLY if some copy, or a part of the configuration, could not be
    read; of several SDs also if one means no domain, and FAILED if all do.

    Raises HistoryFailed; HistoryNotFound for --show and --export; what
    _uuid_of() does, for a single SD.
    """
    history = kept_here(options)
    if args.all:
        return _tell(_all(history), options, ui)
    if len(args.sd) > 1:
        return _tell(_several(history, args, options, ui), options, ui)
    sd_id, unsure = _uuid_of(args.sd[0], history, args, options, ui)
    ui.notes(unsure)
    if args.show:
        _show(history.get(sd_id, args.show), unsure, ui)
        return Exit.DONE
    if args.export:
        ui.whole(history.export(sd_id, args.export))
        return Exit.DONE
    found = _Found(sd_id, *history.all(sd_id))
    notes = [*found.where(options, ui), *_notes(found.failed)]
    if ui.as_json:
        copies = [copy_object(copy) for copy in found.copies]
        notes = [*unsure, *notes, *parts.notes(options)]
        ui.json(domain=sd_id, copies=copies, notes=notes)
    else:
        found.print(ui)
        ui.notes(notes)
        parts.show(options, ui)
    return _exit([found], options)


def _uuid_of(
    sd: str,
    history: History,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
) -> tuple[str, list[str]]:
    """
    (the UUID of a domain, notes: how far it is certain). It is by the copies
    of this host if they know it: its mount may hang, and it may be gone.

    Raises AmbiguousDomain, and what target.uuid_of() does.
    """
    plain = target.plain(sd)
    if not is_uuid(plain):
        found = recorded.meant(plain, _known(history), args.command)
        if found:
            return found.sd_id, [found.note]
    return target.uuid_of(sd, args, options, ui.waits_for), []


def _known(history: History) -> list[recorded.Known]:
    """
    What the copies say, those of each domain oldest first; of a domain also
    where none can be read.
    """
    known: list[recorded.Known] = []
    # Whoever needs what cannot be read finds that out.
    with contextlib.suppress(errors.HistoryFailed):
        for sd_id in history.domains():
            known.append(recorded.Known(sd_id))
            known += recorded.of_copies(history.all(sd_id)[0])
    return known


class _Found:
    """
    What there is of one domain.

    failed: the errors of copies that could not be read.
    unsure: notes on SDs that may not mean this domain.
    """

    def __init__(
        self,
        sd_id: str,
        copies: Sequence[Copy] = (),
        failed: Sequence[errors.Error] = (),
    ) -> None:
        self.sd_id = sd_id
        self.copies = copies
        self.failed = failed
        self.unsure: list[str] = []

    def print(self, ui: UI) -> None:
        if self.copies:
            ui.lines(copy_objects.table(self.copies, ui.width))
        else:
            text = _UNREADABLE if self.failed else _NONE
            ui.lines([text.format(self.sd_id)])

    def where(self, options: Config, ui: UI) -> list[str]:
        """Notes on where copies are, if none is here."""
        if self.copies:
            return []
        return where_changed.notes(self.sd_id, options, ui)


class _NotFound:
    """What there is of an SD that means no domain."""

    def __init__(self, sd: str, error: errors.Error) -> None:
        self.sd = sd
        self.error = error


def _all(history: History) -> list[_Found]:
    """
    Of each domain that has a copy, or one that cannot be read. Raises
    HistoryFailed.
    """
    found = [_of(history, sd_id) for sd_id in history.domains()]
    # A directory may be left by a change that could keep no copy.
    return [each for each in found if each.copies or each.failed]


def _several(
    history: History, args: argparse.Namespace, options: Config, ui: UI
) -> list[_Found | _NotFound]:
    """In the order of the SDs, each domain once."""
    found: dict[str, _Found | _NotFound] = {}
    for sd in args.sd:
        try:
            sd_id, unsure = _uuid_of(sd, history, args, options, ui)
        except errors.Error as e:
            found[sd] = _NotFound(sd, e)
            continue
        one = found.get(sd_id)
        if not isinstance(one, _Found):
            one = found[sd_id] = _of(history, sd_id)
        one.unsure += unsure
    return list(found.values())


def _of(history: History, sd_id: str) -> _Found:
    try:
        return _Found(sd_id, *history.all(sd_id))
    except errors.HistoryFailed as e:
        return _Found(sd_id, failed=[e])


def _tell(
    found: Sequence[_Found | _NotFound], options: Config, ui: UI
) -> Exit:
    histories: list[HistoryObject] = []
    notes: list[str] = []
    if not (found or ui.as_json):
        ui.lines(["This host keeps no copies."])
    for each in found:
        if isinstance(each, _NotFound):
            histories.append(
                {
                    "domain": None,
                    "copies": [],
                    "sd": each.sd,
                    "error": objects.error_object(each.error),
                }
            )
            if not ui.as_json:
                ui.failure(each.error)
            continue
        shown = list(map(copy_object, each.copies))
        histories.append({"domain": each.sd_id, "copies": shown})
        ui.notes(each.unsure)
        if each.copies and not ui.as_json:
            ui.lines([f"Storage domain {each.sd_id}:"])
        if not ui.as_json:
            each.print(ui)
        here = [
            *_notes(each.failed),
            *(f"{each.sd_id}: {x}" for x in each.where(options, ui)),
        ]
        ui.notes(here)
        notes += [*each.unsure, *here]
    parts.show(options, ui)
    if ui.as_json:
        ui.json(histories=histories, notes=[*notes, *parts.notes(options)])
    return _exit(found, options)


def _exit(found: Sequence[_Found | _NotFound], options: Config) -> Exit:
    nowhere = [each for each in found if isinstance(each, _NotFound)]
    if found and len(nowhere) == len(found):
        return Exit.FAILED
    failed = any(each.failed for each in found if isinstance(each, _Found))
    partly = nowhere or failed or options.left_out
    return Exit.PARTLY if partly else Exit.DONE


def _notes(failed: Iterable[errors.Error]) -> list[str]:
    return [output.error_line(error) for error in failed]


def _show(copy: Copy, unsure: list[str], ui: UI) -> None:
    if ui.as_json:
        shown = {**copy_object(copy), "lines": copy.lines}
        ui.json(domain=copy.domain, copy=shown, notes=unsure)
        return
    ui.lines(printable(line) for line in copy.lines)
