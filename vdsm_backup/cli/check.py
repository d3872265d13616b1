# SPDX-License-Identifier: GPL-2.0-or-later
"""
check: what the guard of this host would do. This command refuses nothing to
any VM.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Optional

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, target
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.cli.schema import ErrorObject
from vdsm_backup.fileio import choose
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard import permits, policy, refusal
from vdsm_backup.guard.verdict import Finding, Guard, Verdict
from vdsm_backup.host.user import become_user
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage import discovery
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import needs
from vdsm_backup.vm.domxml import MAX_XML
from vdsm_backup.vm.paths import Location

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config


# Of what only the mode "permissive" lets through.
_WOULD = "would be refused"


class RefusalObject(ErrorObject):
    """REFUSAL of docs/json.md."""

    domain: Optional[str]
    disk: Optional[str]
    operation: str
    refused: bool


# Neither VDSM nor libvirt has given it to us.
_NO_XML = (
    "give the domain XML of a VM: virsh -r dumpxml VM | vdsm-backup-domain"
    " check --domxml -"
)


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Returns REFUSED if the guard would refuse the operation.

    Raises WrongUsage if --domxml cannot be read, NeedsRoot, and what
    target.one() does.
    """
    if args.domxml:
        verdict, found, notes = _check_vm(args, options, ui)
    else:
        become_user(options)
        choose.start_reader(options.ioprocess)
        verdict, notes = _check_domain(args, options, ui)
        _require_answer(verdict, options)
        found = _refusals(verdict, "A VM")
    if ui.as_json:
        ui.json(
            allowed=verdict.allowed,
            mode=options.guard_mode,
            refusals=found,
            notes=notes,
        )
    else:
        _print(verdict, found, ui)
        ui.notes(notes)
    return Exit.DONE if verdict.allowed else Exit.REFUSED


def _check_vm(
    args: argparse.Namespace, options: Config, ui: UI
) -> tuple[Verdict, list[RefusalObject], list[str]]:
    """
    (the verdict, a refusal for each of its findings, notes) for the VM of an
    XML.

    As in the hooks, links on the paths of disks are followed as the user who
    started us, before the process becomes the user that reads storage.
    """
    xml = _read_xml(args.domxml)
    try:
        machine = guard_host.parse_vm(xml)
        deadline = _deadline(options)
        guarded = guard_host.GuardedVm(options, machine, deadline)
    except errors.VmUnclear as e:
        e.what_next = _NO_XML
        unclear = Finding("", "", error=e)
        verdict = Verdict(args.operation, policy.settings(options), [unclear])
        e.lifted = verdict.allowed
        return verdict, [_refusal(e, None, None, verdict, unclear)], []
    become_user(options)
    verdict = guarded.verdict(args.operation, deadline, ui.waits_for)
    _require_answer(verdict, options)
    vm = f"VM {machine.name or machine.uuid or 'unknown'}"
    verdict, notes = _with_permit(verdict, vm, machine.uuid, options)
    return verdict, _refusals(verdict, vm, machine.uuid), notes


def _read_xml(name: str) -> bytes:
    """Raises WrongUsage. name: "-" is stdin."""
    try:
        with open(0 if name == "-" else name, "rb", closefd=name != "-") as f:
            return f.read(MAX_XML + 1)
    except OSError as e:
        problem = f"{printable(name)}: {e.strerror}"
        raise errors.WrongUsage(problem, f"{PROGRAM} check")


def _with_permit(
    verdict: Verdict, vm: str, vm_id: str, options: Config
) -> tuple[Verdict, list[str]]:
    """(the verdict with the permit of the VM, notes on it)"""
    if verdict.allowed or not policy.has_vm(verdict.operation):
        return verdict, []
    try:
        permit = permits.find(options.permits, vm_id)
    except errors.PermitUnusable as e:
        return verdict, [str(e)]
    notes = [f"{printable(vm)} is {permit}"] if permit else []
    return verdict.with_permit(permit), notes


def _check_domain(
    args: argparse.Namespace, options: Config, ui: UI
) -> tuple[Verdict, list[str]]:
    """(verdict, notes) for one domain, whatever VM wants it."""
    if not policy.asks_storage(args.operation):
        # The flag does not matter, so the domain is not even looked for.
        return Verdict(args.operation, policy.settings(options)), []
    args = target.by_place(args, options)
    sd_id = target.plain(args.sd) if args.sd else ""
    if is_uuid(sd_id) and not (args.path or args.device):
        # As the hooks do, and without a search: a search ends with an error
        # where it does not find the domain, and the hooks refuse.
        location, notes = Location(sd_id), []
        guard = guard_host.make_guard(
            options, _deadline(options), slow=ui.waits_for
        )
    else:
        storage, failures = target.one(args, options, ui.waits_for)
        location = Location(storage.sd_id)
        notes = output.failure_notes(failures)

        def read(location: Location) -> list[str]:
            with telling([storage.found_at], ui.waits_for):
                return storage.read()

        guard = Guard(policy.settings(options), read, options.io_timeout)
    wanted = needs.Needs(known=[needs.Need("the disk", location)])
    # A storage that was found gives up by its own timeout, before that.
    deadline = _deadline(options) + discovery.GRACE
    return guard.verdict(args.operation, wanted, deadline), notes


def _require_answer(verdict: Verdict, options: Config) -> None:
    """
    Raises NeedsRoot where a flag is closed to us, and not to the guard: that
    is root or the configured user.
    """
    closed = os.strerror(errno.EACCES)
    for found in verdict.findings:
        is_ours = isinstance(found.error, errors.NeedsRoot)
        if options.needs_root and (is_ours or closed in str(found.error)):
            raise options.needs_root


def _deadline(options: Config) -> float:
    return time.monotonic() + options.io_timeout


def _refusals(
    verdict: Verdict, vm: str, vm_id: str | None = None
) -> list[RefusalObject]:
    """
    One for each finding, also if the guard would not refuse for it.

    vm: how to name the VM in a sentence. vm_id: its UUID.
    """
    return [
        _refusal(
            refusal.error(verdict, found, vm, vm_id),
            found.domain,
            ", ".join(found.devices),
            verdict,
            found,
        )
        for found in verdict.findings
    ]


def _refusal(
    error: errors.Error,
    sd_id: str | None,
    disk: str | None,
    verdict: Verdict,
    finding: Finding,
) -> RefusalObject:
    return {
        **objects.error_object(error),
        "domain": sd_id,
        "disk": disk,
        "operation": verdict.operation,
        "refused": verdict.refuses(finding),
    }


def _print(
    verdict: Verdict, refusals: Iterable[RefusalObject], ui: UI
) -> None:
    outcome = "allowed" if verdict.allowed else "refused"
    if any(map(verdict.would_refuse, verdict.findings)):
        outcome = _WOULD
    mode = verdict.settings.mode
    ui.lines([f"{verdict.operation}: {outcome} ([guard] mode is {mode})"])
    for finding, each in zip(verdict.findings, refusals):
        answer = _answer(verdict, finding)
        first = f"{answer}error {each['code']}: {each['message']}"
        texts = [first, *(f"hint: {hint}" for hint in each["hints"])]
        ui.lines(layout.indented(map(layout.harmless, texts)))


def _answer(verdict: Verdict, finding: Finding) -> str:
    """What stands before a finding that nothing is refused for."""
    if verdict.refuses(finding):
        return ""
    if verdict.would_refuse(finding):
        return f"{_WOULD}: "
    return f"not refused, {verdict.why_not(finding)}: "
