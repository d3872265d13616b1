# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the flag of a domain that is attached to a pool of this host: VDSM
does it, on the SPM, by the verb of its plugin (plugin/verbs.py).

VDSM is told who makes the change: it sees an address only. An older plugin
does not take that, and none takes it from an address that is not the
loopback's. Who was named by --by is told in the reason then.

We add our own search for users of the domain: VDSM knows its VMs, and does not
know who has locked an image on another host. And for each reason why VDSM
cannot be asked, the error names the reason and the next step.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from vdsm_backup import errors
from vdsm_backup.change import change, steps
from vdsm_backup.change.request import Request, Result
from vdsm_backup.host import vdsm_client
from vdsm_backup.metadata import flag
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from vdsm_backup.change.world import World
    from vdsm_backup.metadata.domain import Checked
    from vdsm_backup.storage.base import Reader

# VDSM's own: SecureError in lib/vdsm/storage/exception.py, and
# StoragePoolUnknown.
NOT_SPM = 654
UNKNOWN_POOL = 309

_BEFORE_THE_WRITE = {
    vdsm_client.METHOD_NOT_FOUND: "VDSM of this host has no plugin",
    NOT_SPM: "this host is not the SPM any more",
    UNKNOWN_POOL: "VDSM of this host is not in that pool",
}

_CAUSES = {
    vdsm_client.METHOD_NOT_FOUND: errors.DomainAttached.NO_PLUGIN,
    UNKNOWN_POOL: errors.DomainAttached.OTHER_POOL,
}


def change_flag(
    storage: Reader,
    request: Request,
    world: World,
    vdsm: vdsm_client.Vdsm,
    asking: Callable[
        [], AbstractContextManager[None]
    ] = contextlib.nullcontext,
    by: str = "",
) -> Result:
    """
    Set or clear the flag by asking VDSM.

    by: who was named as the one who makes the change; "" if it is who runs
        this. world.attempt.by has it, too.
    vdsm: not entered yet; it is entered here when VDSM is asked.
    asking: gives the context in which VDSM makes the change.

    Raises DomainAttached with the obstacle, NotAsAnswered, what
    change.change() does, and what VDSM's plugin refuses with; InvalidReason
    if the reason has to name somebody, and is too long then.
    """
    first = change.checked(storage)
    world.attempt.sees(first.lines)
    if not first.pool:
        # The domain was detached since it was found.
        return change.change(storage, request, world)
    if request.value and world.is_hosted_engine():
        raise errors.HostedEngineDomain(storage.sd_id)
    if by and first.flag.reason == _naming(request.reason, by):
        # It was set like that, through a plugin that does not take `by`.
        request = request._replace(reason=first.flag.reason)
    if change.wanted(first, request, storage, world) is None:
        return Result(False, first.lines, before=first.lines)
    if request.accept_origin and request.value == first.flag.value:
        raise _attached(storage, first, "it cannot take --accept-origin")
    steps.require_writable(storage)
    notes = steps.require_unused(storage, request, world, attached=True)
    try:
        with vdsm:
            plugin = _require_able(storage, first, vdsm)
            if by and not plugin.takes_by:
                reason = flag.require_reason(_naming(request.reason, by))
                request = request._replace(reason=reason)
            # What VDSM will write, but for when, and for who where it does not
            # take that. It is shown if what VDSM has written cannot be read.
            new = change.new_lines(first, request, storage, world)
            if request.dry_run:
                return Result(True, new, notes, first.lines)
            who = world.attempt.by if plugin.takes_by else None
            answer = _ask(storage, first, request, who, world, vdsm, asking)
    except vdsm_client.Unreachable as e:
        raise _attached(storage, first, str(e))
    notes += tuple(printable(note) for note in answer.get("notes", ()))
    new, more = _read_back(storage, request, new)
    # By VDSM, if its plugin is not older than what tells the journal.
    world.attempt.was_told = plugin.takes_by
    changed = answer.get("changed", True)
    return Result(changed, new, notes + more, first.lines)


def _naming(reason: str, by: str) -> str:
    return f"{reason} (by {by})"


def _read_back(
    storage: Reader, request: Request, new: list[str]
) -> tuple[list[str], tuple[str, ...]]:
    """
    (the lines on storage after VDSM's answer, notes). VDSM's word is not
    enough: a host without the plugin may have written an older state back.

    new: the lines if nothing can be read now.

    Raises NotAsAnswered, and what change.checked() does if the metadata is
    gone or damaged.
    """
    try:
        now = change.checked(storage)
    except errors.MetadataMissing:
        raise
    except errors.Unreadable as e:
        note = f"VDSM has made the change, but reading it failed: {e}"
        return new, (note,)
    if not _is_as_asked(now, request):
        raise errors.NotAsAnswered(storage.sd_id, flag.describe(now.flag))
    return now.lines, ()


def _is_as_asked(now: Checked, request: Request) -> bool:
    """Whether the flag is what was asked for, whoever made it so and when."""
    asked = (request.value, request.reason)
    return (now.flag.value, now.flag.reason) == asked


def _require_able(
    storage: Reader, first: Checked, vdsm: vdsm_client.Vdsm
) -> vdsm_client.Plugin:
    """
    VDSM's plugin. Requires that there is one and that VDSM is the SPM, before
    VDSM is asked.
    """
    try:
        plugin = vdsm.plugin()
        if plugin is None:
            no_verb = vdsm_client.METHOD_NOT_FOUND
            why, cause = _BEFORE_THE_WRITE[no_verb], _CAUSES[no_verb]
            raise _attached(storage, first, why, cause)
        spm = vdsm.spm(first.pool)
    except vdsm_client.Unanswered as e:
        raise _attached(storage, first, str(e))
    except vdsm_client.Refused as e:
        raise _refused(storage, first, e)
    if not spm.here:
        who = f"host id {spm.host_id} is" if spm.host_id > 0 else "nobody is"
        raise _attached(
            storage,
            first,
            f"this host is not the SPM, {who}; the engine shows the SPM in its"
            " list of hosts, and a host's id in its General tab",
        )
    return plugin


def _ask(
    storage: Reader,
    first: Checked,
    request: Request,
    who: str | None,
    world: World,
    vdsm: vdsm_client.Vdsm,
    asking: Callable[[], AbstractContextManager[None]],
) -> dict[str, Any]:
    """
    VDSM's answer. What VDSM refuses with is raised as an error of ours.

    who: makes the change; None if the plugin does not take that.
    """
    world.progress("asking VDSM")
    try:
        with asking():
            return vdsm.set_backup(
                storage.sd_id,
                request.value,
                request.reason,
                first.flag.value,
                who,
            )
    except vdsm_client.Unanswered as e:
        raise errors.OutcomeUnknown(storage.sd_id, str(e))
    except vdsm_client.Refused as e:
        # VDSM has told of what it refused. Nobody tells of a change for which
        # it has no verb, or of one whose end it did not say.
        world.attempt.was_told = (
            who is not None and e.code != vdsm_client.METHOD_NOT_FOUND
        )
        if e.code == errors.OutcomeUnknown.code:
            return _outcome(storage, first, request, printable(str(e)))
        if e.code in errors.by_code():
            raise errors.from_text(e.code, printable(str(e)))
        if e.code in _BEFORE_THE_WRITE:
            raise _refused(storage, first, e)
        # The error may come from the end, when the flag was written already.
        raise errors.OutcomeUnknown(storage.sd_id, _refusal(e))


def _outcome(
    storage: Reader, first: Checked, request: Request, told: str
) -> dict[str, Any]:
    """
    VDSM's answer, if the flag that was asked for is on storage though VDSM
    could not say so. VDSM writes no more after that.

    told: what VDSM said.

    Raises ChangedByOther if neither that nor the flag from before is there,
    OutcomeUnknown if nobody can say.
    """
    unknown = errors.from_text(errors.OutcomeUnknown.code, told)
    try:
        now = change.checked(storage)
    except errors.Error:
        raise unknown
    if now.flag == first.flag:
        raise unknown
    if not _is_as_asked(now, request):
        raise errors.ChangedByOther(storage.sd_id, flag.describe(now.flag))
    note = f"VDSM could not tell the outcome, storage does: {told}"
    return {"changed": True, "notes": [note]}


def _refusal(refused: vdsm_client.Refused) -> str:
    known = _BEFORE_THE_WRITE.get(refused.code)
    words = f"VDSM's error {refused.code}: {printable(str(refused))}"
    return known or words


def _attached(
    storage: Reader, first: Checked, why: str, cause: str = ""
) -> errors.DomainAttached:
    pool = printable(first.pool)
    error = errors.DomainAttached(storage.sd_id, pool, why)
    error.cause = cause
    return error


def _refused(
    storage: Reader, first: Checked, refused: vdsm_client.Refused
) -> errors.DomainAttached:
    cause = _CAUSES.get(refused.code, "")
    return _attached(storage, first, _refusal(refused), cause)
