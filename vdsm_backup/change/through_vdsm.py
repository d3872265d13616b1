# SPDX-License-Identifier: GPL-2.0-or-later
"""
Changing the flag of a domain that is attached to a pool of this host: VDSM
does it, on the SPM, by the verb of its plugin (plugin/verbs.py).

What we add are our own looks for users of the domain: VDSM knows its VMs, and
not who has locked an image on another host. And each way in which VDSM cannot
be asked is told apart, with the next step.
"""

from vdsm_backup import errors
from vdsm_backup.change import change
from vdsm_backup.host import vdsm_client
from vdsm_backup.text import printable

# VDSM's own: SecureError in lib/vdsm/storage/exception.py, and
# StoragePoolUnknown.
NOT_SPM = 654
UNKNOWN_POOL = 309

_BEFORE_THE_WRITE = {
    vdsm_client.METHOD_NOT_FOUND: "VDSM of this host has no plugin",
    NOT_SPM: "this host is not the SPM any more",
    UNKNOWN_POOL: "VDSM of this host is not in that pool",
}


def change_flag(storage, request, tools, vdsm):
    """
    vdsm: a vdsm_client.Vdsm that is not entered yet. Returns change.Result.

    Raises DomainAttached with what is in the way, what change.change() does,
    and what VDSM's plugin refuses with.
    """
    first = change.look(storage)
    if not first.pool:
        # It was detached since it was found.
        return change.change(storage, request, tools)
    if request.value and tools.is_hosted_engine(storage.sd_id):
        raise errors.HostedEngineDomain(storage.sd_id)
    if change.wanted(first, request, storage, tools) is None:
        return change.Result(False, first.lines, before=first.lines)
    if request.accept_origin and request.value == first.flag.value:
        raise _in_the_way(storage, first, "it cannot take --accept-origin")
    notes = change.require_unused(storage, request, tools)
    # What VDSM will write but for who and when; said if it cannot be read.
    new = change.new_lines(first, request, storage, tools)
    try:
        with vdsm:
            _require_able(storage, first, vdsm)
            if request.dry_run:
                return change.Result(True, new, notes, first.lines)
            answer = _ask(storage, first, request, tools, vdsm)
    except vdsm_client.Unreachable as e:
        raise _in_the_way(storage, first, str(e))
    notes += tuple(printable(note) for note in answer["notes"])
    try:
        new = storage.read()
    except errors.Error as e:
        notes += (f"the change was made, but reading it failed: {e}",)
    return change.Result(answer["changed"], new, notes, first.lines)


def _require_able(storage, first, vdsm):
    """Before anything is asked for: has it the plugin, is it the SPM."""
    try:
        if not vdsm.has_plugin():
            raise _in_the_way(
                storage, first, "VDSM of this host has no plugin"
            )
        spm = vdsm.spm(first.pool)
    except vdsm_client.Unanswered as e:
        raise _in_the_way(storage, first, str(e))
    except vdsm_client.Refused as e:
        raise _in_the_way(storage, first, _said(e))
    if not spm.here:
        who = f"host id {spm.host_id} is" if spm.host_id > 0 else "nobody is"
        raise _in_the_way(
            storage,
            first,
            f"this host is not the SPM, {who}; the engine shows the SPM in its"
            " list of hosts, and a host's id in its General tab",
        )


def _ask(storage, first, request, tools, vdsm):
    """VDSM's answer; its refusal is our own."""
    tools.progress("asking VDSM")
    try:
        return vdsm.set_backup(
            storage.sd_id, request.value, request.reason, first.flag.value
        )
    except vdsm_client.Unanswered as e:
        raise errors.OutcomeUnknown(storage.sd_id, str(e))
    except vdsm_client.Refused as e:
        if e.code in errors.by_code():
            raise errors.from_text(e.code, printable(str(e)))
        if e.code in _BEFORE_THE_WRITE:
            raise _in_the_way(storage, first, _said(e))
        # It may be of the end, when the flag was written already.
        raise errors.OutcomeUnknown(storage.sd_id, _said(e))


def _said(refused):
    known = _BEFORE_THE_WRITE.get(refused.code)
    said = f"VDSM's error {refused.code}: {printable(str(refused))}"
    return known or said


def _in_the_way(storage, first, why):
    pool = printable(first.pool)
    return errors.DomainAttached(storage.sd_id, pool, why)
