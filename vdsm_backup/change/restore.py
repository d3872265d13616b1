# SPDX-License-Identifier: GPL-2.0-or-later
"""
Putting a kept copy of a domain's metadata back.

It is for metadata that is gone or broken: then the copy is all that is left.
Where the metadata is whole, only the flag may differ from the copy: what VDSM
has changed since is never undone. Who may write, the lease, and the search for
users are those of any change (change.py).

A copy that this host has kept cannot tell that the domain has no flag: another
host may have set the flag since. Only whole metadata can tell that, or the
user. So a copy without a flag replaces anything else only if the user has
named the copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.change import steps
from vdsm_backup.change.request import Request, Result
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.world import World
    from vdsm_backup.metadata.domain import Checked
    from vdsm_backup.storage.base import Reader


class Left(NamedTuple):
    """
    What is left of the metadata on storage.

    lines: None if no lines can be had.
    error: why domain.check() does not take them. None: they are whole.
    """

    lines: list[str] | None
    error: errors.Error | None


def restore(
    storage: Reader,
    copy: Copy,
    request: Request,
    world: World,
    chosen: bool = True,
) -> Result:
    """
    Put a kept copy back where the metadata is gone or broken, or where only
    the flag differs from the copy.

    chosen: whether the user has named the copy. One that we have chosen must
        not take away a flag.

    Raises what domain.check() does for the copy, RestoreRefused,
    FlagWouldBeLost, and what change.change() does.
    """
    sd_id = storage.sd_id
    wanted = domain.check(copy.lines, sd_id)
    left = _what_is_left(storage)
    world.attempt.sees(left.lines or [])
    lines, whole = left.lines, left.error is None
    if lines is not None and whole:
        _require_only_flag_differs(sd_id, copy, wanted, lines)
        if sorted(lines) == sorted(copy.lines):
            return Result(False, lines, before=lines)
    if not chosen and not wanted.flag.value:
        _require_no_flag(sd_id, copy, left)
    if wanted.flag.value and world.is_hosted_engine():
        raise errors.HostedEngineDomain(sd_id)
    request = request._replace(action="set" if wanted.flag.value else "clear")
    steps.require_writable(storage)
    _require_may_write(wanted.pool, lines, request, world)
    notes = steps.require_unused(storage, request, world)
    if request.dry_run:
        return Result(True, copy.lines, notes, lines)
    with world.lease(wanted.values) as lease:
        if _what_is_left(storage).lines != lines:
            raise errors.MetadataChanged(sd_id)
        # VDSM may have started while the lease was taken.
        _require_may_write(wanted.pool, lines, request, world)
        if lines:
            world.attempt.keep(world.history, storage, lines)
        new, more = steps.write_lines(storage, lines, copy.lines, lease, world)
        if lines is not None and whole:
            notes = steps.settle(storage, lines, new, lease, request, world)
    return steps.read_once_more(storage, new, notes + more, lines)


def _require_no_flag(sd_id: str, copy: Copy, left: Left) -> None:
    """Raises FlagWouldBeLost if a flag is there, or if one may be there."""
    value = md_lines.parse(left.lines or []).values.get(flag.BACKUP, "False")
    if value == "True":
        reason = "what it would replace has one"
    elif value != "False":
        reason = "what it would replace may have one"
    elif left.error:
        reason = (
            f"what is on storage is not whole (error {left.error.code}), and"
            " another host may have set the flag since the copy was kept,"
            f" {printable(copy.time)}"
        )
    else:
        return
    raise errors.FlagWouldBeLost(sd_id, copy.number, reason)


def _require_may_write(
    pool: str,
    lines: list[str] | None,
    request: Request,
    world: World,
) -> None:
    """
    As World.require_may_write(), for metadata that may not tell its pool.

    The pool in the copy counts, or else the pool in what is left of the
    metadata: the domain may have been attached since. Where that cannot be
    seen any more, VDSM must not run here. Other hosts of a pool are seen by
    their host ids, when the lease is taken.
    """
    left = md_lines.parse(lines or []).values
    pool = pool or left.get(domain.POOL, "")
    if not pool and domain.POOL not in left:
        # As for a pool that is said to be gone. The lease is looked at, too:
        # a VDSM that was stopped may have left this host in the lockspace.
        pool = "(not known)"
        request = request._replace(pool_is_gone=True)
    world.require_may_write(pool, request)


def _what_is_left(storage: Reader) -> Left:
    lines = None
    try:
        lines = storage.read()
        domain.check(lines, storage.sd_id)
    except domain.NOT_WHOLE as e:
        return Left(lines, e)
    return Left(lines, None)


def _require_only_flag_differs(
    sd_id: str, copy: Copy, wanted: Checked, lines: list[str]
) -> None:
    """Raises RestoreRefused."""
    current = md_lines.parse(lines)
    keys = sorted(
        key
        for key in wanted.values.keys() | current.values.keys()
        if key not in flag.KEYS
        and wanted.values.get(key) != current.values.get(key)
    )
    if keys:
        shown = ", ".join(printable(key) for key in keys)
        raise errors.RestoreRefused(sd_id, copy.number, shown)
