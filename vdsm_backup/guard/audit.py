# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the guard found, in the journal; one entry for each domain.

Also what is let through: by the mode, by a lifted operation, or because a
refusal would harm a VM that runs there already.
"""

from vdsm_backup.guard import refusal
from vdsm_backup.host import journal

_REFUSED = "refused"
_ALLOWED = "allowed"


def tell(verdict, vm, vm_id=None):
    """
    Logs all findings of a guard.Verdict, and returns the errors of those that
    are refused.

    vm: how to name the VM, "VM web1". vm_id: its UUID.
    """
    refused = []
    for finding in verdict.findings:
        error = refusal.error(verdict, finding, vm)
        refuses = verdict.refuses(finding)
        if refuses:
            refused.append(error)
        journal.send(
            f"{'Refused' if refuses else 'Not refused'}: {error}",
            journal.WARNING,
            domain=finding.domain,
            disk=", ".join(finding.whats),
            **_about(error, refuses, verdict.settings, verdict.operation),
            vm=vm,
            vm_id=vm_id,
        )
    return refused


def fault(error, refused, settings, operation, vm, vm_id=None, trace=None):
    """Logs why nothing could be found out."""
    answer = "Refused" if refused else "Not judged"
    journal.send(
        f"{answer}: {vm}: {error}",
        journal.ERR,
        **_about(error, refused, settings, operation),
        vm=vm,
        vm_id=vm_id,
        trace=trace,
    )


def _about(error, refused, settings, operation):
    return {
        "code": error.code,
        "answer": _REFUSED if refused else _ALLOWED,
        "mode": settings.mode,
        "operation": operation,
        "hint": "; ".join(error.hint_lines()),
    }
