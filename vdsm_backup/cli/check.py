# SPDX-License-Identifier: GPL-2.0-or-later
"""check: what the guard of this host answers; nobody is refused by it."""

import time

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, target
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.parser import PROGRAM
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard import policy, refusal
from vdsm_backup.guard.verdict import Guard, Verdict
from vdsm_backup.host.user import become_user
from vdsm_backup.storage import discovery
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm import needs
from vdsm_backup.vm.domxml import MAX_XML
from vdsm_backup.vm.paths import Location


def run(args, options, ui):
    if args.domxml:
        allowed, refusals = _vm(args, options)
        notes = []
    else:
        become_user(options)
        verdict, notes = _domain(args, options)
        allowed, refusals = verdict.allowed, _refusals(verdict, "A VM")
    if ui.as_json:
        ui.json(
            allowed=allowed,
            mode=options.guard_mode,
            refusals=refusals,
            notes=notes,
        )
    else:
        _print(args.operation, allowed, options.guard_mode, refusals, ui)
        ui.notes(notes)
    return Exit.DONE if allowed else Exit.REFUSED


def _vm(args, options):
    """
    Whether the VM of an XML is allowed, and the REFUSALs, as the hooks have
    it: links are followed by who started us.
    """
    try:
        with open(args.domxml, "rb") as f:
            xml = f.read(MAX_XML + 1)
    except OSError as e:
        file = printable(args.domxml)
        raise errors.WrongUsage(f"{file}: {e.strerror}", f"{PROGRAM} check")
    try:
        machine = guard_host.parse_vm(xml)
        guarded = guard_host.GuardedVm(options, machine)
    except errors.VmUnclear as e:
        settings = policy.settings(options)
        refused = settings.refuses(args.operation, readable=False)
        found = _data(e, None, None, args.operation, refused)
        return not refused, [found]
    become_user(options)
    verdict = guarded.verdict(args.operation, _deadline(options))
    vm = f"VM {machine.name or machine.uuid or 'unknown'}"
    return verdict.allowed, _refusals(verdict, vm)


def _domain(args, options):
    """The answer for one domain, whoever wants it, and notes."""
    if not policy.asks_storage(args.operation):
        # Nor is it looked for.
        return Verdict(args.operation, policy.settings(options)), []
    sd_id = target.plain(args.sd) if args.sd else ""
    if is_uuid(sd_id) and not (args.path or args.device):
        # The way of the hooks: what cannot be read is refused.
        location, notes = Location(sd_id), []
        guard = guard_host.make_guard(options, _deadline(options))
    else:
        storage, failures = target.one(args, options)
        location = Location(storage.sd_id)
        notes = output.place_notes(failures)
        guard = Guard(policy.settings(options), lambda _: storage.read())
    wanted = needs.Needs(known=[needs.Need("the disk", location)])
    # A storage that was found ends by its own timeout.
    deadline = _deadline(options) + discovery.GRACE
    return guard.verdict(args.operation, wanted, deadline), notes


def _deadline(options):
    return time.monotonic() + options.io_timeout


def _refusals(verdict, vm):
    """REFUSALs of docs/json.md."""
    return [
        _data(
            refusal.error(verdict, found, vm),
            found.domain,
            ", ".join(found.devices),
            verdict.operation,
            verdict.refuses(found),
        )
        for found in verdict.findings
    ]


def _data(error, domain, disk, operation, refused):
    return {
        **objects.error(error),
        "domain": domain,
        "disk": disk,
        "operation": operation,
        "refused": refused,
    }


def _print(operation, allowed, mode, refusals, ui):
    answer = "allowed" if allowed else "refused"
    ui.lines([f"{operation}: {answer} ([guard] mode is {mode})"])
    for found in refusals:
        lifted = "" if found["refused"] else "not refused: "
        first = f"{lifted}error {found['code']}: {found['message']}"
        texts = [first, *(f"hint: {hint}" for hint in found["hints"])]
        for text in texts:
            ui.lines(layout.wrap(layout.harmless(text), ui.width, "    "))
