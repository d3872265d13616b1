# SPDX-License-Identifier: GPL-2.0-or-later
"""
The steps that all changes share, whatever they write: may the storage be
written, does somebody use the domain, write, look for users again and undo,
read once more. change.py tells the story.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from vdsm_backup import errors
from vdsm_backup.change import merge, outcome
from vdsm_backup.change.request import Result
from vdsm_backup.change.world import Unsettled
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.change.request import Request
    from vdsm_backup.change.world import Lease, World
    from vdsm_backup.storage.base import Reader

# Seconds that a write whose process was killed may still be on its way.
LINGER = 5

_ELSEWHERE = (
    "not seen: {}; the engine's own check (the Backup box in Manage Domain)"
    " covers the data center"
)


def require_writable(storage: Reader) -> None:
    """Raises ChangeWouldFail, and what Reader.unwritable() does."""
    error = storage.unwritable()
    if error:
        raise error


def require_unused(
    storage: Reader, request: Request, world: World, attached: bool = False
) -> tuple[str, ...]:
    """
    Notes on the users that do no harm, and on what could not be seen. Raises
    DomainInUse. Clearing a flag disturbs no user: it is never refused.

    attached: other hosts may run VMs from it, so what is never seen of them is
        a note, too. Of any other domain the lease tells that no host uses it.
    """
    if not request.value:
        return ()
    found, notes = _users(request, world, attached)
    if found:
        raise errors.DomainInUse(storage.sd_id, "; ".join(found))
    return notes


def _users(
    request: Request, world: World, attached: bool = False
) -> tuple[list[str], tuple[str, ...]]:
    """(users that forbid the flag, notes)"""
    users = world.users()
    found, notes = list(users.blocking), tuple(users.notes)
    if request.despite_open_images:
        notes += tuple(users.images)
    else:
        found += users.images
    if attached:
        notes += tuple(map(_ELSEWHERE.format, users.elsewhere))
    return found, notes


def write_lines(
    storage: Reader,
    old: list[str] | None,
    new: list[str],
    lease: Lease,
    world: World,
) -> tuple[list[str], tuple[str, ...]]:
    """
    Replace the lines `old` by `new`. Returns (as Lease.write(); a note if the
    new lines are on storage though the write did not end well).

    Raises what Lease.write() does, but for Unsettled: where only storage tells
    the outcome, we read it, and raise what outcome.find() does.
    """
    world.progress("writing")
    try:
        return lease.write(old, new), ()
    except Unsettled as e:
        if e.lines:
            old, new = e.lines
        outcome.find(storage, old, new, e, LINGER)
        world.attempt.written(new)
        note = (
            "the change is on storage, but the write ended with an error, so"
            " a crash of the storage or of this host may still undo it:"
            f" {e.cause}"
        )
        if e.durable:
            note = f"the change is on storage, but {e.cause}"
        return new, (note,)


def settle(
    storage: Reader,
    old: list[str],
    new: list[str],
    lease: Lease,
    request: Request,
    world: World,
) -> tuple[str, ...]:
    """
    Look for users that came while the flag was written, and undo the change
    if there are some. Returns notes; raises FlagUndone, UndoFailed, and what
    write_lines() does if nobody knows which of the two it is.
    """
    if not request.value:
        return ()
    world.progress("looking for users of the domain")
    deadline = time.monotonic() + world.settle
    while True:
        found, notes = _users(request, world)
        if found:
            _undo(storage, old, new, lease, "; ".join(found), world)
        if time.monotonic() >= deadline:
            return notes
        time.sleep(min(0.5, world.settle))


def _undo(
    storage: Reader,
    old: list[str],
    new: list[str],
    lease: Lease,
    users: str,
    world: World,
) -> NoReturn:
    try:
        undone_lines = merge.with_flag_of(new, old)
        _, notes = write_lines(storage, new, undone_lines, lease, world)
    except errors.Error as e:
        raise outcome.not_undone(storage, users, e)
    undone = "the flag was taken back"
    before = flag.read(md_lines.parse(old).values, storage.sd_id)
    if before.value:
        undone = (
            "the change was taken back, and it is a backup domain as before,"
            f" reason: {printable(before.reason or '-')}"
        )
    undone = "; ".join([undone, *notes])
    raise errors.FlagUndone(storage.sd_id, users, undone)


def read_once_more(
    storage: Reader,
    new: list[str],
    notes: tuple[str, ...],
    before: list[str] | None,
) -> Result:
    """
    The Result of a change, by what is on storage now that the lease is
    released. What others have done since cannot make the change fail: it was
    read back under the lease.

    notes, before: of the change, as in Result.
    """
    lines, destroyed = new, None
    try:
        lines = storage.read()
        md_lines.require(lines, storage.sd_id)
        if sorted(lines) != sorted(new):
            notes += ("the metadata was changed again by somebody else",)
    except errors.Error as e:
        lines = new
        notes += (f"the change was made, but reading it again failed: {e}",)
        if isinstance(e, domain.NOT_WHOLE):
            destroyed = e
    return Result(True, lines, notes, before, new, destroyed)
