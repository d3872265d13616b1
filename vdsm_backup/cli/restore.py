# SPDX-License-Identifier: GPL-2.0-or-later
"""restore: put a copy of the metadata back, a kept one or one from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import copy_file, restore
from vdsm_backup.change.request import Request, Result
from vdsm_backup.cli import changes, copies, interruption
from vdsm_backup.host.user import become_user
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import forks
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.change.world import World
    from vdsm_backup.cli.exits import Exit
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Raises HistoryNotFound, HistoryFailed, CopyUnusable, and what
    changes.find() and restore.restore() do.
    """
    # The file is a user's own, such as one of root's that user vdsm may not
    # read. So it is read by whoever has started us.
    brought = copy_file.read(args.file) if args.file else None
    become_user(options)
    with interruption.told(args) as attempt, forks.up(changes.USERS_TOO):
        return _restore(brought, args, options, ui, attempt)


def _restore(
    brought: Copy | None,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
    attempt: Attempt,
) -> Exit:
    storage, failures = changes.find(args, options, ui, attempt)
    with changes.tidying_if_refused(storage, args, options, ui):
        copy, skipped, name = _chosen(
            brought, storage.sd_id, args, options, ui
        )
    request = Request(
        action="restore",
        dry_run=args.dry_run,
        despite_open_images=args.despite_open_images,
        pool_is_gone=args.pool_is_gone,
    )
    flagged = md_lines.parse(copy.lines).values.get(flag.BACKUP) == "True"
    state = "a backup domain" if flagged else "not a backup domain"
    would = f"be {state}" if flagged else "not be a backup domain"
    words = changes.Words(
        f"has the metadata of copy {copy.number}{name} again and is {state}",
        f"would get the metadata of copy {copy.number}{name} and {would}",
        f"has the metadata of copy {copy.number}{name} and is {state}",
    )

    def work(world: World) -> Result:
        chosen = bool(args.number or args.file)
        result = restore.restore(storage, copy, request, world, chosen)
        if not ui.as_json:
            # The notes on copies that were skipped have been shown.
            return result
        return result._replace(notes=(*skipped, *result.notes))

    return changes.make(
        storage, failures, work, words, args, options, ui, attempt, copy
    )


def _chosen(
    brought: Copy | None,
    sd_id: str,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
) -> tuple[Copy, list[str], str]:
    """
    (the copy to put back, notes on copies that were skipped, the file that it
    is from, to stand behind its number).
    """
    if brought:
        copy_file.require_domain(brought, args.file, sd_id)
        return brought, [], f" of {printable(args.file)}"
    history = copies.kept_here(options)
    return *_copy(history, sd_id, args.number, ui), ""


def _copy(
    history: History, sd_id: str, number: int | None, ui: UI
) -> tuple[Copy, list[str]]:
    """
    (the copy of this number, or the newest that is whole; notes on newer ones
    that were skipped). The notes are shown at once, since the command may end
    with an error.

    Raises HistoryNotFound, HistoryFailed.
    """
    skipped: list[str] = []
    if number:
        return history.get(sd_id, number), skipped

    def passed_over(number: int, error: errors.Error) -> None:
        reason = str(error)
        if isinstance(error, errors.SealMissing):
            reason = "it has no checksum (_SHA_CKSUM)"
        skipped.append(f"copy {number} is not whole: {reason}")
        ui.notes(skipped[-1:])

    found = copies.newest(history, sd_id, passed_over)
    if found:
        return found[0], skipped
    error = errors.HistoryNotFound(sd_id, "that is whole")
    error.has_others = bool(skipped)
    raise error
