# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the backup flag: the story, step by step.

1. Look at the metadata, fresh. Refuse what cannot have a flag. Nothing to
   change: say so and write nothing.
2. Who may write? A detached domain: we do. An attached one: only VDSM, unless
   its pool is gone. Inside VDSM it is the other way round (plugin/verbs.py).
3. For `set`: refuse while somebody uses the domain.
4. Take the SDM lease. Look again under it: somebody else may have been first.
5. Keep a copy on this host. Write. Read back.
6. For `set`: look for users again, for some seconds; if one came, undo.
7. Release, and look once more.

The lease outlives the write: see lease/connection.py and write.py.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import Callable

from vdsm_backup import errors
from vdsm_backup.change.write import Unsettled
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

POOL = "POOL_UUID"

# Sizes that sanlock has: sanlock.h, SANLK_LSF_ALIGN*, SANLK_LSF_SECTOR*.
ALIGNMENTS = tuple(n * 1024**2 for n in (1, 2, 4, 8))
SECTORS = (512, 4096)

# V4 has no ALIGNMENT and BLOCK_SIZE; it always uses these.
V4_GEOMETRY = (ALIGNMENTS[0], SECTORS[0])

# Seconds that a write whose process was killed may still be on its way.
LINGER = 5


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    action: str
    reason: str = ""
    dry_run: bool = False
    despite_open_images: bool = False
    accept_origin: bool = False
    pool_is_gone: bool = False
    expected: "bool | None" = None  # the flag as the user knows it

    @property
    def value(self):
        return self.action == "set"


@dataclass(frozen=True)
class Tools:
    """What a change needs from the world."""

    take_lease: Callable  # (storage, paths, values) -> context with Held
    write: Callable  # (storage, old, new, held) -> None
    users: Callable  # (storage) -> users.Users
    history: object
    who: str
    is_hosted_engine: Callable  # (sd_id) -> bool
    vdsm_runs: Callable  # () -> bool
    may_write: Callable  # (storage, pool, request, tools); raises if not
    settle: float
    progress: Callable  # (text) -> None


@dataclass(frozen=True)
class Result:
    """
    lines: what is on storage now; in a dry run, what would be.
    before: what was there, None if that was no lines or is not known.
    """

    changed: bool
    lines: list
    notes: tuple = ()
    before: "list | None" = None


@dataclass(frozen=True)
class Look:
    """Metadata at one moment, checked."""

    lines: list
    values: dict
    flag: flag.Flag

    @property
    def pool(self):
        return self.values.get(POOL, "")


def change(storage, request, tools):
    """
    Set or clear the flag. Raises nearly all of errors; see there.
    """
    first = look(storage)
    if request.expected not in (None, first.flag.value):
        raise errors.MetadataChanged(storage.sd_id)
    if request.value and tools.is_hosted_engine(storage.sd_id):
        raise errors.HostedEngineDomain(storage.sd_id)
    if wanted(first, request, storage, tools) is None:
        return Result(False, first.lines, before=first.lines)
    tools.may_write(storage, first.pool, request, tools)
    notes = require_unused(storage, request, tools)
    if request.dry_run:
        new = new_lines(first, request, storage, tools)
        return Result(True, new, notes, first.lines)
    with leased(storage, first.values, tools) as held:
        now = look(storage)
        if (now.flag, now.pool) != (first.flag, first.pool):
            raise errors.MetadataChanged(storage.sd_id)
        # VDSM may have started while the lease was taken.
        tools.may_write(storage, now.pool, request, tools)
        new = new_lines(now, request, storage, tools)
        tools.history.keep(storage, now.lines, tools.who, request.action)
        write_lines(storage, now.lines, new, held, tools)
        notes = settle(storage, now.lines, new, held, request, tools)
    notes += afterwards(storage, new)
    return Result(True, new, notes, now.lines)


def look(storage):
    """
    The metadata of a domain that can have a flag.
    """
    return check(storage.read(), storage.sd_id)


def check(lines, sd_id):
    md = md_lines.require(lines, sd_id)
    # First whether it is whole: what is cut may end in "VERSION=".
    if md.seal == "missing":
        raise errors.SealMissing(sd_id)
    if md.dropped:
        problem = f"a line without '=': {printable(md.dropped[0])}"
        raise errors.DamagedMetadata(sd_id, problem)
    flag.require_supported(md.values, sd_id)
    return Look(lines, md.values, flag.read(md.values, sd_id))


def geometry(values, sd_id):
    """
    (alignment, sector size) of the domain's leases, in bytes.
    """
    if values["VERSION"] == "4":
        return V4_GEOMETRY
    try:
        found = int(values["ALIGNMENT"]), int(values["BLOCK_SIZE"])
    except (KeyError, ValueError):
        found = None, None
    if found[0] not in ALIGNMENTS or found[1] not in SECTORS:
        problem = "ALIGNMENT or BLOCK_SIZE is missing or no size of sanlock"
        raise errors.DamagedMetadata(sd_id, problem)
    return found


# Deciding


def wanted(seen, request, storage, tools):
    """The flag to write, or None if it is there already."""
    old = seen.flag
    new_origin = old.origin
    if request.accept_origin or request.value != old.value:
        new_origin = storage.origin()
    asked = (request.value, request.reason, new_origin)
    if asked == (old.value, old.reason, old.origin):
        return None
    return flag.Flag(
        value=request.value,
        reason=request.reason,
        by=tools.who,
        since=time.strftime(flag.SINCE_FORMAT, time.gmtime()),
        origin=new_origin,
    )


def new_lines(seen, request, storage, tools):
    new = wanted(seen, request, storage, tools)
    return md_lines.flush(flag.apply(seen.values, new))


def require_may_write(storage, pool, request, tools):
    """The answer beside VDSM. Raises DomainAttached, VdsmRunning."""
    if not pool:
        return
    if not request.pool_is_gone:
        why = f"{request.action} cannot ask it"
        raise errors.DomainAttached(storage.sd_id, printable(pool), why)
    if tools.vdsm_runs():
        raise errors.VdsmRunning(storage.sd_id, printable(pool))


def require_unused(storage, request, tools):
    """Notes on what was seen and on what could not be; raises DomainInUse."""
    if not request.value:
        return ()
    found, notes = _users(storage, request, tools)
    if found:
        raise errors.DomainInUse(storage.sd_id, "; ".join(found))
    return notes


def _users(storage, request, tools):
    users = tools.users(storage)
    found, notes = list(users.blocking), tuple(users.notes)
    if request.despite_open_images:
        notes += tuple(users.images)
    else:
        found += users.images
    return found, notes


# Doing


@contextlib.contextmanager
def leased(storage, values, tools):
    with storage.lease() as paths:
        with tools.take_lease(storage, paths, values) as held:
            yield held


def write_lines(storage, old, new, held, tools):
    tools.progress("writing")
    try:
        tools.write(storage, old, new, held)
    except Unsettled as e:
        _find_outcome(storage, old, new, e)


def _find_outcome(storage, old, new, unsettled):
    """Returns if the new lines are there; raises what is known otherwise."""
    deadline = time.monotonic() + LINGER
    while True:
        try:
            lines = storage.read()
        except errors.Error as e:
            reason = f"{unsettled.cause}, and then: {e}"
            raise errors.OutcomeUnknown(storage.sd_id, reason)
        if sorted(lines) == sorted(new):
            return
        if lines == old and unsettled.ended:
            raise errors.WriteFailed(storage.sd_id, "commit", unsettled.cause)
        if unsettled.failed:
            raise errors.MetadataChanged(storage.sd_id)
        if unsettled.ended or time.monotonic() >= deadline:
            raise errors.OutcomeUnknown(storage.sd_id, unsettled.cause)
        time.sleep(0.2)


def settle(storage, old, new, held, request, tools):
    """Look for users that came while the flag was written."""
    if not request.value:
        return ()
    tools.progress("looking for users of the domain")
    deadline = time.monotonic() + tools.settle
    while True:
        found, notes = _users(storage, request, tools)
        if found:
            _undo(storage, old, new, held, "; ".join(found), tools)
        if time.monotonic() >= deadline:
            return notes
        time.sleep(min(0.5, tools.settle))


def _undo(storage, old, new, held, users, tools):
    try:
        write_lines(storage, new, old, held, tools)
    except errors.Error as e:
        raise errors.UndoFailed(storage.sd_id, users, str(e))
    raise errors.FlagUndone(storage.sd_id, users)


def afterwards(storage, new):
    """
    What others may have done since the lease was released: the change itself
    was read back under it, so nothing here can fail it.
    """
    try:
        lines = storage.read()
        md_lines.require(lines, storage.sd_id)
    except errors.Error as e:
        return (f"the change was made, but reading it again failed: {e}",)
    if sorted(lines) != sorted(new):
        return ("the metadata was changed again by somebody else",)
    return ()
