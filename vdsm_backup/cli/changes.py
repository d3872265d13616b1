# SPDX-License-Identifier: GPL-2.0-or-later
"""
What set, clear, restore and reseal have in common: make a change, and show it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.change import audit
from vdsm_backup.cli import (
    comparison,
    diagnosis,
    layout,
    objects,
    output,
    readings,
    target,
    tidying,
    wiring,
)
from vdsm_backup.cli.exits import Exit
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import signals
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.request import Result
    from vdsm_backup.cli.schema import DomainObject
    from vdsm_backup.cli.wiring import HostWorld
    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage
    from vdsm_backup.storage.sources import Failure

# Seconds after which VDSM drops what it has in memory of a domain:
# [irs] repo_stats_cache_refresh_timeout in lib/vdsm/common/config.py.in.
_STALE = 300

# What the children of a change import, in the order in which they are started.
# `clear` and `reseal` look for no users.
CHILDREN = (
    "vdsm_backup.processes.confined",
    "vdsm_backup.fileio.worker",
    "vdsm_backup.lease.holder",
    "vdsm_backup.change.writer",
    "vdsm_backup.storage.file",
    "vdsm_backup.storage.replacement",
    "vdsm_backup.fileio.worker_client",
)
USERS_TOO = (
    *CHILDREN[:2],
    "vdsm_backup.users.image_locks",
    "vdsm_backup.users.running_vms",
    *CHILDREN[2:],
)


class Words(NamedTuple):
    """
    What is said of the domain, after "storage domain NAME".

    changed: after the change.
    would_change: after a dry run.
    unchanged: if there is nothing to change.
    """

    changed: str
    would_change: str
    unchanged: str


def make(
    storage: Storage,
    failures: Iterable[Failure],
    work: Callable[[HostWorld], Result],
    words: Words,
    args: argparse.Namespace,
    options: Config,
    ui: output.UI,
    attempt: Attempt,
    copy: Copy | None = None,
    show_lines: bool = False,
) -> Exit:
    """
    Make a change by calling `work`, and show the result.

    failures: sources on which another domain with the same UUID may be.
    attempt: told how far the change has come. The journal is told of it.
    copy: the kept one that is put back; what differs is then shown.
    show_lines: also show all lines, and what differs.

    Raises what `work` raises, and what _require_as_written() does.
    """
    world = wiring.HostWorld(
        storage,
        options,
        args.timeout,
        ui.progress,
        attempt,
        storage.twins,
        ui.waits_for,
    )
    tidied: tuple[str, ...] = ()
    try:
        with diagnosis.explaining(storage, options, ui.waits_for):
            with world.first_look():
                result = work(world)
    finally:
        if not args.dry_run:
            tidied = world.tidy()
            ui.left_behind(tidied)
    # What was done is told, and there is nothing more to do.
    signals.ignore_ends()
    _require_as_written(storage.sd_id, result)
    if not args.dry_run:
        tidied += audit.done(attempt, result)
    reading = readings.from_lines(storage, result.lines)
    domain = objects.domain_object(reading)
    notes = [
        *output.failure_notes(failures),
        *result.notes,
        *_warnings(domain, reading, result, args),
    ]
    more: dict[str, Any] = {}
    if show_lines:
        more = {
            "metadata": result.lines,
            "difference": comparison.json_difference(result),
        }
    if copy:
        notes += comparison.notes(copy, result, args.dry_run)
        more = comparison.json_keys(copy, result)
    ui.outcome(_sentence(domain, result, words, args))
    if ui.as_json:
        ui.json(
            domain=domain,
            changed=result.changed,
            dry_run=args.dry_run,
            notes=[*notes, *tidied],
            **more,
        )
        return Exit.DONE
    if domain["flag"] and not (result.changed and args.dry_run):
        about = [objects.since(domain), objects.reason(domain)]
        ui.lines(layout.indented(about))
    if show_lines and args.dry_run:
        ui.lines(layout.indented(map(printable, result.lines)))
    elif result.changed and (args.dry_run or copy or show_lines):
        ui.lines(_difference(result))
    ui.notes(notes)
    return Exit.DONE


def find(
    args: argparse.Namespace, options: Config, ui: output.UI, attempt: Attempt
) -> tuple[Storage, list[Failure]]:
    """
    As target.to_change(), and raises what that does. Which domain SD means is
    told before anything is changed, unless SD is its UUID. The lockspace that
    a killed run has left joined is left also if that raises, if SD is a UUID.
    """
    try:
        storage, failures = target.to_change(args, options, ui.waits_for)
        if target.plain(args.sd) != storage.sd_id:
            sd_id = storage.sd_id
            ui.notes([f"{printable(args.sd)} is storage domain {sd_id}"])
        attempt.sd_id = storage.sd_id
        return storage, failures
    except errors.Error:
        sd_id = target.plain(args.sd)
        if is_uuid(sd_id) and not args.dry_run:
            try:
                tidying.leave_lockspace(
                    sd_id, options, args.timeout, ui.progress
                )
            except errors.Error as e:
                text = f"a killed run may have left the lockspace joined: {e}"
                ui.left_behind([text])
        raise


@contextlib.contextmanager
def tidying_if_refused(
    storage: Storage,
    args: argparse.Namespace,
    options: Config,
    ui: output.UI,
) -> Iterator[None]:
    """
    For what comes before make(): if the body raises, what a killed run has
    left is tidied up nevertheless.
    """
    try:
        yield
    except errors.Error:
        if not args.dry_run:
            left = tidying.LeftBehind(
                storage, options, args.timeout, ui.progress
            )
            left.tidy()
            ui.left_behind(left.notes)
        raise


def _require_as_written(sd_id: str, result: Result) -> None:
    """
    Raises ChangedByOther if somebody else has changed the flag since we wrote
    it, and the error of metadata that was destroyed since: nothing that a
    command says of its change would be true then.
    """
    if result.destroyed:
        raise result.destroyed
    if result.written is None:
        return
    written, now = (
        md_lines.parse(lines).values
        for lines in (result.written, result.lines)
    )
    if all(written.get(key) == now.get(key) for key in flag.KEYS):
        # reseal leaves a flag as it is, also one that is no flag.
        return
    found = flag.read(now, sd_id)
    try:
        same = found == flag.read(written, sd_id)
    except errors.InvalidFlag:
        same = False
    if not same:
        raise errors.ChangedByOther(sd_id, flag.describe(found))


def _warnings(
    domain: DomainObject,
    reading: readings.Reading,
    result: Result,
    args: argparse.Namespace,
) -> Iterator[str]:
    if reading.is_flagged_master:
        yield readings.FLAGGED_MASTER
    if not result.changed:
        return
    if args.dry_run:
        yield "a dry run takes no lease: the change may still be refused"
    elif domain["pool"]:
        yield (
            "the domain is attached: a host without the VDSM plugin that"
            f" becomes SPM within {_STALE} seconds may write the old metadata"
            " back; run verify after a failover"
        )


def _sentence(
    domain: DomainObject,
    result: Result,
    words: Words,
    args: argparse.Namespace,
) -> str:
    title = objects.title(domain)
    if not result.changed:
        return f"Nothing to change: storage domain {title} {words.unchanged}."
    if args.dry_run:
        begin = "Dry run, nothing was written: storage domain"
        return f"{begin} {title} {words.would_change}."
    return f"Storage domain {title} {words.changed}."


def _difference(result: Result) -> list[str]:
    """The lines that the change removes, and those that it adds."""
    before = result.before or []
    removed, added = comparison.difference(before, result.lines)
    return [
        *[f"  - {printable(line)}" for line in removed],
        *[f"  + {printable(line)}" for line in added],
    ]
