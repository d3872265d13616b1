# SPDX-License-Identifier: GPL-2.0-or-later
"""
Putting a kept copy of a domain's metadata back.

For metadata that is gone or broken; the copy is then all that is left to go
by. Where the metadata is whole, only the flag may differ from the copy: what
VDSM changed since is never undone. Who may write, the lease, and the look for
users are those of any change (change.py).
"""

import dataclasses

from vdsm_backup import change, errors, flag
from vdsm_backup import format as fmt


def restore(storage, copy, request, tools, chosen=True):
    """
    Put a kept copy back, where the metadata is gone or broken; or where only
    the flag differs from it.

    chosen: the user named the copy. One that we took by ourselves must not
    take away a flag.
    """
    sd_id = storage.sd_id
    wanted = change.check(copy.lines, sd_id)
    lines, current = _what_is_left(storage)
    if current:
        _require_only_flag_differs(sd_id, copy, wanted, current)
        if sorted(current.lines) == sorted(copy.lines):
            return change.Result(False, current.lines)
    if not chosen and not wanted.flag.value:
        _require_no_flag(sd_id, copy, lines)
    if wanted.flag.value and tools.is_hosted_engine(sd_id):
        raise errors.HostedEngineDomain(sd_id)
    request = dataclasses.replace(
        request, action="set" if wanted.flag.value else "clear"
    )
    _require_may_write(storage, wanted.pool, lines, request, tools)
    notes = change.require_unused(storage, request, tools)
    if request.dry_run:
        return change.Result(True, copy.lines, notes)
    with change.leased(storage, wanted.values, tools) as held:
        if _what_is_left(storage)[0] != lines:
            raise errors.MetadataChanged(sd_id)
        # VDSM may have started while the lease was taken.
        _require_may_write(storage, wanted.pool, lines, request, tools)
        if lines:
            tools.history.keep(storage, lines, tools.who, "restore")
        change.write_lines(storage, lines, copy.lines, held, tools)
        if current:
            notes = change.settle(
                storage, lines, copy.lines, held, request, tools
            )
    return change.Result(
        True, copy.lines, notes + change.afterwards(storage, copy.lines)
    )


def _require_no_flag(sd_id, copy, lines):
    """In what is left, or, where nothing is, by what was done after."""
    reason = ""
    if fmt.parse(lines or []).values.get(flag.BACKUP, "False") != "False":
        reason = "what it would replace has one"
    elif not lines and copy.action == "set":
        reason = "it was kept before the flag was set"
    if reason:
        raise errors.FlagWouldBeLost(sd_id, copy.number, reason)


def _require_may_write(storage, pool, lines, request, tools):
    """
    By the pool in the copy, or by the one in what is left of the metadata: a
    domain may have been attached since. Where that cannot be seen any more,
    VDSM must not run; other hosts of a pool are seen by their host ids.
    """
    left = fmt.parse(lines or []).values
    pool = pool or left.get(change.POOL, "")
    if not pool and change.POOL not in left and tools.vdsm_runs():
        raise errors.VdsmRunning(storage.sd_id, "(not known)")
    change.require_may_write(storage, pool, request, tools)


def _what_is_left(storage):
    """(lines or None, Look or None) of metadata that may be broken."""
    try:
        lines = storage.read()
    except (
        errors.MetadataMissing,
        errors.NotMetadata,
        errors.DamagedMetadata,
    ):
        return None, None
    try:
        return lines, change.check(lines, storage.sd_id)
    except (
        errors.NotMetadata,
        errors.DamagedMetadata,
        errors.SealBroken,
        errors.SealMissing,
        errors.InvalidFlag,
    ):
        return lines, None


def _require_only_flag_differs(sd_id, copy, wanted, current):
    keys = sorted(
        key
        for key in wanted.values.keys() | current.values.keys()
        if key not in flag.KEYS
        and wanted.values.get(key) != current.values.get(key)
    )
    if keys:
        shown = ", ".join(fmt.printable(key) for key in keys)
        raise errors.RestoreRefused(sd_id, copy.number, shown)
