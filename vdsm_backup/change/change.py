# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the backup flag: the story, step by step.

1. Read the metadata from storage. Refuse a domain that cannot have a flag. If
   there is nothing to change, say so and write nothing.
2. Who may write? We write a detached domain. Only VDSM writes an attached
   domain, unless its pool is gone. Inside VDSM it is the other way round
   (plugin/verbs.py).
3. For `set`: refuse while somebody uses the domain.
4. Take the SDM lease. Read again under it: somebody else may have been first.
5. Keep a copy on this host. Write, and read back. What VDSM, which has no
   lease at times, wrote meanwhile is merged (overlap.py).
6. For `set`: look for users again, for some seconds. If one came, undo.
7. Release the lease, and read once more.

The lease outlives the write: see lease/connection.py and write.py.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from vdsm_backup import errors
from vdsm_backup.change import merge, outcome
from vdsm_backup.change.world import Unsettled
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.change.world import Lease, World
    from vdsm_backup.metadata.domain import Checked
    from vdsm_backup.storage.base import Reader

# Seconds that a write whose process was killed may still be on its way.
LINGER = 5

_ELSEWHERE = (
    "not seen: {}; the engine's own check (the Backup box in Manage Domain)"
    " covers the data center"
)


@dataclass(frozen=True)
class Request:
    """
    What the user asked for.

    action: "set", "clear", "restore" or "reseal".
    expected: the value of the flag as the user knows it; None: any.
    replace: whether another reason replaces the one that is there. If not, a
        flag that is there for another reason is an error, and a domain that
        has no flag stays as it is when it is to be cleared.
    The others are options of the command line.
    """

    action: str
    reason: str = ""
    dry_run: bool = False
    despite_open_images: bool = False
    accept_origin: bool = False
    pool_is_gone: bool = False
    expected: bool | None = None
    replace: bool = True

    @property
    def value(self) -> bool:
        """The value that the flag is to have."""
        return self.action == "set"


@dataclass(frozen=True)
class Result:
    """
    lines: what is on storage now; after a dry run, what would be.
    before: what was there. None if no lines were, or if it is not known.
    written: what we wrote, if we did. Somebody else may have changed it since.
    destroyed: why what is there now is no metadata, if somebody else has
        destroyed it since; `lines` are what we wrote then.
    """

    changed: bool
    lines: list[str]
    notes: tuple[str, ...] = ()
    before: list[str] | None = None
    written: list[str] | None = None
    destroyed: errors.Error | None = None


def change(storage: Reader, request: Request, world: World) -> Result:
    """
    Set or clear the flag. Raises nearly all classes of errors.
    """
    # It is read again under the lease.
    lines = storage.last_scan()
    world.attempt.sees(lines)
    first = domain.check(lines, storage.sd_id)
    if request.expected not in (None, first.flag.value):
        raise errors.MetadataChanged(storage.sd_id)
    if request.value and world.is_hosted_engine():
        raise errors.HostedEngineDomain(storage.sd_id)
    if wanted(first, request, storage, world) is None:
        return Result(False, first.lines, before=first.lines)
    require_writable(storage)
    world.require_may_write(first.pool, request)
    notes = require_unused(storage, request, world)
    if request.dry_run:
        new = new_lines(first, request, storage, world)
        return Result(True, new, notes, first.lines)
    with world.lease(first.values) as lease:
        lines = storage.read_to_change()
        world.attempt.sees(lines)
        now = domain.check(lines, storage.sd_id)
        if (now.flag, now.pool) != (first.flag, first.pool):
            raise errors.MetadataChanged(storage.sd_id)
        # VDSM may have started while the lease was taken.
        world.require_may_write(now.pool, request)
        new = new_lines(now, request, storage, world)
        world.attempt.keep(world.history, storage, now.lines)
        new, notes = write_lines(storage, now.lines, new, lease, world)
        notes += settle(storage, now.lines, new, lease, request, world)
    return read_once_more(storage, new, notes, now.lines)


def checked(storage: Reader) -> Checked:
    """
    The metadata on storage, of a domain that can have a flag. Raises what
    Reader.read() and domain.check() do.
    """
    return domain.check(storage.read(), storage.sd_id)


# Deciding


def wanted(
    now: Checked, request: Request, storage: Reader, world: World
) -> flag.Flag | None:
    """
    The flag to write, or None if the domain has it already. Raises
    FlaggedAlready.
    """
    old = now.flag
    if not request.replace and old.value == request.value:
        if not old.value:
            return None
        if old.reason != request.reason:
            raise errors.FlaggedAlready(
                storage.sd_id,
                printable(old.since or "at an unknown time"),
                printable(old.by or "somebody unknown"),
                printable(old.reason or "-"),
            )
    new_origin = old.origin
    if request.accept_origin or request.value != old.value:
        new_origin = storage.origin()
    asked = (request.value, request.reason, new_origin)
    if asked == (old.value, old.reason, old.origin):
        return None
    return flag.Flag(
        value=request.value,
        reason=request.reason,
        by=world.attempt.by,
        since=time.strftime(flag.SINCE_FORMAT, time.gmtime()),
        origin=new_origin,
    )


def new_lines(
    now: Checked, request: Request, storage: Reader, world: World
) -> list[str]:
    """The lines to write: with the wanted flag, or as they are."""
    new = wanted(now, request, storage, world) or now.flag
    return md_lines.flush(flag.apply(now.values, new))


def require_may_write(
    sd_id: str, pool: str, request: Request, why_vdsm_runs: Callable[[], str]
) -> None:
    """
    Whether we may write a domain beside VDSM.

    pool: the pool that the domain is attached to; empty if it is not.
    why_vdsm_runs: gives why VDSM may be running on this host, in words; empty
        if nothing tells of it.

    Raises DomainAttached, VdsmRunning.
    """
    if not pool:
        return
    if not request.pool_is_gone:
        why = f"{request.action} cannot ask it"
        raise errors.DomainAttached(sd_id, printable(pool), why)
    why = why_vdsm_runs()
    if why:
        raise errors.VdsmRunning(sd_id, printable(pool), why)


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


# Doing


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
