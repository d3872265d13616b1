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
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import steps
from vdsm_backup.change.request import Result
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.change.request import Request
    from vdsm_backup.change.world import World
    from vdsm_backup.metadata.domain import Checked
    from vdsm_backup.storage.base import Reader


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
    steps.require_writable(storage)
    world.require_may_write(first.pool, request)
    notes = steps.require_unused(storage, request, world)
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
        new, notes = steps.write_lines(storage, now.lines, new, lease, world)
        notes += steps.settle(storage, now.lines, new, lease, request, world)
    return steps.read_once_more(storage, new, notes, now.lines)


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
