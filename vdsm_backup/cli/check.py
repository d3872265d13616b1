# SPDX-License-Identifier: GPL-2.0-or-later
"""check: what the guard of this host answers; nobody is refused by it."""

import time

from vdsm_backup import (
    discovery,
    errors,
    guard,
    judge,
    needs,
    policy,
    refusal,
    report,
    where,
)
from vdsm_backup.cli import layout, output, target
from vdsm_backup.cli.exits import Exit
from vdsm_backup.domxml import MAX_XML


def run(args, options, ui):
    if args.domxml:
        vm, verdict = _vm(args, options)
        notes = []
    else:
        vm, (verdict, notes) = "A VM", _domain(args, options)
    refusals = [_refusal(verdict, found, vm) for found in verdict.findings]
    if ui.as_json:
        ui.json(
            allowed=verdict.allowed,
            mode=verdict.settings.mode,
            refusals=[_data(verdict, *refusal) for refusal in refusals],
            notes=notes,
        )
    else:
        _print(verdict, refusals, ui)
        ui.notes(notes)
    return Exit.DONE if verdict.allowed else Exit.REFUSED


def _vm(args, options):
    """How to name the VM of an XML, and the guard's answer to it."""
    try:
        with open(args.domxml, "rb") as f:
            xml = f.read(MAX_XML + 1)
    except OSError as e:
        raise errors.VmUnclear(f"{args.domxml}: {e.strerror}")
    machine = judge.parse(xml)
    case = judge.Case(options, machine)
    verdict = case.judge(args.operation, _deadline(options))
    return f"VM {machine.name or machine.uuid or 'unknown'}", verdict


def _domain(args, options):
    """The answer for one domain, whoever wants it, and notes."""
    if not policy.asks_storage(args.operation):
        # Nor is it looked for.
        return guard.Verdict(args.operation, options.guard), []
    sd_id = target.plain(args.sd) if args.sd else ""
    if where.is_uuid(sd_id) and not (args.path or args.device):
        # The way of the hooks: what cannot be read is refused.
        place, notes = where.Place(sd_id), []
        judged = judge.of_host(options, _deadline(options))
    else:
        storage, failures = target.one(args, options)
        place, notes = where.Place(storage.sd_id), output.place_notes(failures)
        judged = guard.Guard(options.guard, lambda place: storage.read())
    wanted = needs.Needs(known=[needs.Need("the disk", place)])
    # A storage that was found ends by its own timeout.
    deadline = _deadline(options) + discovery.GRACE
    return judged.judge(args.operation, wanted, deadline), notes


def _deadline(options):
    return time.monotonic() + options.io_timeout


def _refusal(verdict, finding, vm):
    return finding, refusal.error(verdict, finding, vm)


def _data(verdict, finding, error):
    return {
        **report.error(error),
        "domain": finding.domain,
        "disk": ", ".join(finding.whats),
        "operation": verdict.operation,
        "refused": verdict.refuses(finding),
    }


def _print(verdict, refusals, ui):
    answer = "allowed" if verdict.allowed else "refused"
    mode = verdict.settings.mode
    ui.lines([f"{verdict.operation}: {answer} ([guard] mode is {mode})"])
    for finding, error in refusals:
        lifted = "" if verdict.refuses(finding) else "not refused: "
        text = f"{lifted}{output.error_line(error)}"
        texts = [text, *(f"hint: {hint}" for hint in error.hint_lines())]
        for line in texts:
            ui.lines(layout.wrap(layout.harmless(line), ui.width, "    "))
