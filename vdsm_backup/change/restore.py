# SPDX-License-Identifier: GPL-2.0-or-later
"""
Putting a kept copy of a domain's metadata back.

For metadata that is gone or broken; the copy is then all that is left to go
by. Where the metadata is whole, only the flag may differ from the copy: what
VDSM changed since is never undone. Who may write, the lease, and the look for
users are those of any change (change.py).

A copy of this host cannot tell that the domain has no flag: another host may
have set it since. Only metadata that is whole can, or the user. So a copy
without a flag goes over anything else only when the user has named it.
"""

import dataclasses
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.change import change
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

# Metadata that is no metadata, or that nobody can trust. What cannot be read
# now may be whole, and what is of another version or class is.
_NOT_WHOLE = (
    errors.MetadataMissing,
    errors.NotMetadata,
    errors.DamagedMetadata,
    errors.SealBroken,
    errors.SealMissing,
    errors.InvalidFlag,
)


@dataclass(frozen=True)
class Left:
    """
    What is left of the metadata on storage.

    lines: None if there are none to be had.
    error: why it is not whole, which change.check() says; None: it is whole.
    """

    lines: "list | None"
    error: "errors.Error | None"


def restore(storage, copy, request, tools, chosen=True):
    """
    Put a kept copy back, where the metadata is gone or broken; or where only
    the flag differs from it.

    chosen: the user named the copy. One that we took by ourselves must not
    take away a flag.
    """
    sd_id = storage.sd_id
    wanted = change.check(copy.lines, sd_id)
    left = _what_is_left(storage)
    lines, whole = left.lines, left.error is None
    if whole:
        _require_only_flag_differs(sd_id, copy, wanted, lines)
        if sorted(lines) == sorted(copy.lines):
            return change.Result(False, lines, before=lines)
    if not chosen and not wanted.flag.value:
        _require_no_flag(sd_id, copy, left)
    if wanted.flag.value and tools.is_hosted_engine(sd_id):
        raise errors.HostedEngineDomain(sd_id)
    request = dataclasses.replace(
        request, action="set" if wanted.flag.value else "clear"
    )
    _require_may_write(storage, wanted.pool, lines, request, tools)
    notes = change.require_unused(storage, request, tools)
    if request.dry_run:
        return change.Result(True, copy.lines, notes, lines)
    with change.leased(storage, wanted.values, tools) as held:
        if _what_is_left(storage).lines != lines:
            raise errors.MetadataChanged(sd_id)
        # VDSM may have started while the lease was taken.
        _require_may_write(storage, wanted.pool, lines, request, tools)
        if lines:
            tools.history.keep(storage, lines, tools.who, "restore")
        change.write_lines(storage, lines, copy.lines, held, tools)
        if whole:
            notes = change.settle(
                storage, lines, copy.lines, held, request, tools
            )
    notes += change.afterwards(storage, copy.lines)
    return change.Result(True, copy.lines, notes, lines)


def _require_no_flag(sd_id, copy, left):
    """Raises FlagWouldBeLost, also if that cannot be ruled out."""
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


def _require_may_write(storage, pool, lines, request, tools):
    """
    By the pool in the copy, or by the one in what is left of the metadata: a
    domain may have been attached since. Where that cannot be seen any more,
    VDSM must not run; other hosts of a pool are seen by their host ids.
    """
    left = md_lines.parse(lines or []).values
    pool = pool or left.get(change.POOL, "")
    if not pool and change.POOL not in left and tools.vdsm_runs():
        raise errors.VdsmRunning(storage.sd_id, "(not known)")
    change.require_may_write(storage, pool, request, tools)


def _what_is_left(storage):
    lines = None
    try:
        lines = storage.read()
        change.check(lines, storage.sd_id)
    except _NOT_WHOLE as e:
        return Left(lines, e)
    return Left(lines, None)


def _require_only_flag_differs(sd_id, copy, wanted, lines):
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
