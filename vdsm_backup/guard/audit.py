# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the guard found, in the journal: one entry for each domain.

A finding for which nothing was refused has an entry, too. The mode or a permit
lets it through, or a refusal would harm a VM that runs there already.
"""

from __future__ import annotations

import threading

from vdsm_backup import errors
from vdsm_backup.guard import permits, policy, refusal
from vdsm_backup.host import journal
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.guard.policy import Settings
    from vdsm_backup.guard.verdict import Verdict

# UUIDs of those that master() has warned of.
_masters: set[str] = set()
_lock = threading.Lock()

_REFUSED = "refused"
_ALLOWED = "allowed"


def permitted(
    verdict: Verdict, directory: str, vm: str | None, vm_id: str | None
) -> Verdict:
    """
    The Verdict with the permit of its VM, which is looked for only if the VM
    would be refused. Tells the journal of one that lifts nothing.

    directory: [guard] permits. vm, vm_id: as in tell().
    """
    if verdict.allowed or not policy.has_vm(verdict.operation):
        return verdict
    try:
        permit = permits.find(directory, vm_id)
    except errors.PermitUnusable as e:
        journal.send(
            str(e),
            journal.WARNING,
            code=e.code,
            vm=vm,
            vm_id=vm_id,
            hint="; ".join(e.hint_lines()),
        )
        return verdict
    return verdict.with_permit(permit)


def tell(
    verdict: Verdict, vm: str | None, vm_id: str | None = None
) -> list[errors.Error]:
    """
    Tell the journal of all findings of a Verdict. Returns the errors of those
    that are refused.

    vm: how to name the VM, "VM web1"; None if it is nothing of a VM. vm_id:
    its UUID.
    """
    refused: list[errors.Error] = []
    permit = verdict.permit
    why = {"reason": permit.reason, "by": permit.by} if permit else {}
    for finding in verdict.findings:
        error = refusal.error(verdict, finding, vm or "A VM", vm_id)
        refuses = verdict.refuses(finding)
        if refuses:
            refused.append(error)
        if finding.master:
            master(finding.domain, finding.title)
        answer = "Refused"
        if permit:
            answer = f"Not refused, {permit}"
        elif verdict.would_refuse(finding):
            answer = "Would be refused (mode is permissive)"
        elif not refuses:
            answer = f"Not refused ({verdict.why_not(finding)})"
        journal.send(
            f"{answer}: {error}",
            journal.WARNING,
            domain=finding.domain,
            disk=", ".join(finding.devices),
            **_about(error, refuses, verdict.settings, verdict.operation),
            vm=vm,
            vm_id=vm_id,
            **why,
        )
    return refused


def fault(
    error: errors.Error,
    refused: bool,
    settings: Settings,
    operation: str,
    vm: str | None,
    vm_id: str | None = None,
    trace: str | None = None,
) -> None:
    """
    Tell the journal why nothing could be found out about a VM, or about a
    domain (vm is None then).

    refused: whether the operation was refused. trace: the traceback of a
        fault of ours.
    """
    answer = "Refused" if refused else "Not judged"
    if isinstance(error, errors.Lifted):
        error.lifted = not refused
    who = f"{vm}: " if vm else ""
    journal.send(
        f"{answer}: {who}{error}",
        journal.ERR,
        **_about(error, refused, settings, operation),
        vm=vm,
        vm_id=vm_id,
        trace=trace,
    )


def master(domain: str, name: str) -> None:
    """
    Warn in the journal of a flagged domain that is the master of its pool:
    once, until no_master() says that it is not.

    domain: its UUID. name: its name, or its UUID.
    """
    with _lock:
        if domain in _masters:
            return
        _masters.add(domain)
    journal.send(
        f"Backup domain {printable(name)} is the master domain of its data"
        " center, which an engine must have elected",
        journal.WARNING,
        domain=domain,
        name=name,
        hint="put it into maintenance in the engine: another domain becomes"
        " the master",
    )


def no_master(domain: str) -> None:
    """A domain is no flagged master, so master() may warn of it again."""
    with _lock:
        _masters.discard(domain)


def session(vm: str, vm_id: str | None, operation: str, uid: int) -> None:
    """Tell the journal that a VM in a session of libvirt was not judged."""
    journal.send(
        f"Not judged: {vm}, in a session of libvirt of user {uid}",
        journal.NOTICE,
        answer=_ALLOWED,
        operation=operation,
        vm=vm,
        vm_id=vm_id,
    )


def _about(
    error: errors.Error, refused: bool, settings: Settings, operation: str
) -> dict[str, object]:
    """The fields that all entries have."""
    return {
        "code": error.code,
        "answer": _REFUSED if refused else _ALLOWED,
        "mode": settings.mode,
        "operation": operation,
        "hint": "; ".join(error.hint_lines()),
    }
