# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the guard found, in the journal: one entry for each domain.

A finding for which nothing was refused has an entry, too. The mode lets it
through, or a refusal would harm a VM that runs there already.
"""

from __future__ import annotations

from vdsm_backup.guard import refusal
from vdsm_backup.host import journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup import errors
    from vdsm_backup.guard.policy import Settings
    from vdsm_backup.guard.verdict import Verdict

_REFUSED = "refused"
_ALLOWED = "allowed"


def tell(
    verdict: Verdict, vm: str, vm_id: str | None = None
) -> list[errors.Error]:
    """
    Tell the journal of all findings of a Verdict. Returns the errors of those
    that are refused.

    vm: how to name the VM, "VM web1". vm_id: its UUID.
    """
    refused: list[errors.Error] = []
    for finding in verdict.findings:
        error = refusal.error(verdict, finding, vm, vm_id)
        refuses = verdict.refuses(finding)
        if refuses:
            refused.append(error)
        journal.send(
            f"{'Refused' if refuses else 'Not refused'}: {error}",
            journal.WARNING,
            domain=finding.domain,
            disk=", ".join(finding.devices),
            **_about(error, refuses, verdict.settings, verdict.operation),
            vm=vm,
            vm_id=vm_id,
        )
    return refused


def fault(
    error: errors.Error,
    refused: bool,
    settings: Settings,
    operation: str,
    vm: str,
    vm_id: str | None = None,
    trace: str | None = None,
) -> None:
    """
    Tell the journal why nothing could be found out about a VM.

    refused: whether the VM was refused. trace: the traceback of a fault of
        ours.
    """
    answer = "Refused" if refused else "Not judged"
    journal.send(
        f"{answer}: {vm}: {error}",
        journal.ERR,
        **_about(error, refused, settings, operation),
        vm=vm,
        vm_id=vm_id,
        trace=trace,
    )


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
