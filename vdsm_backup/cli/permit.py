# SPDX-License-Identifier: GPL-2.0-or-later
"""permit: let one VM use flagged domains on this host, for a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional, TypedDict

from vdsm_backup import errors
from vdsm_backup.cli import layout, objects, output, parts
from vdsm_backup.cli.exits import Exit
from vdsm_backup.cli.schema import ErrorObject
from vdsm_backup.guard import permit_files, permits
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag
from vdsm_backup.processes import signals
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config

_OPEN = "open"
_EXPIRED = "expired"
_UNUSABLE = "unusable"

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


class PermitObject(TypedDict):
    """PERMIT of docs/json.md."""

    vm: str
    state: str
    until: Optional[str]
    seconds_left: Optional[int]
    made: Optional[str]
    by: Optional[str]
    reason: Optional[str]
    error: Optional[ErrorObject]


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Raises NeedsRoot, InvalidReason, PermitFailed, and ConfigInvalid. Of --list
    returns DONE, whatever the permits are worth, and PARTLY if a file of the
    configuration cannot be used.
    """
    if args.list:
        return _list(options, ui)
    parts.require_of_hooks(options)
    if os.geteuid() != 0:
        raise errors.NeedsRoot(args.typed)
    # It takes a moment. Then nobody has to ask whether it was done.
    signals.ignore_ends()
    by = flag.changed_by(*caller.user_and_host())
    if args.revoke:
        return _revoke(args.vm, by, options, ui)
    reason = flag.require_reason(args.reason)
    made, told = permit_files.make(
        options.permits, args.vm, args.seconds, reason, by
    )
    notes = [] if told else ["the journal of this host was not told of it"]
    ui.outcome(f"VM {made.vm_id} may use flagged domains on this host.")
    if ui.as_json:
        ui.json(permit=_object(args.vm, made), changed=True, notes=notes)
    else:
        ui.lines(layout.indented(_about(made)))
        ui.notes(notes)
    return Exit.DONE


def _revoke(vm_id: str, by: str, options: Config, ui: UI) -> Exit:
    changed = permit_files.revoke(options.permits, vm_id, by)
    if changed:
        ui.outcome(f"VM {vm_id} no longer has a permit.")
    else:
        ui.outcome(f"Nothing to revoke: VM {vm_id} has no permit.")
    if ui.as_json:
        ui.json(permit=None, changed=changed)
    return Exit.DONE


def _list(options: Config, ui: UI) -> Exit:
    found = permit_files.all_found(options.permits)
    notes = parts.notes(options)
    if ui.as_json:
        listed = [_object(vm_id, found[vm_id]) for vm_id in found]
        ui.json(permits=listed, notes=notes)
    else:
        _print(found, ui)
        parts.show(options, ui)
    return Exit.PARTLY if notes else Exit.DONE


def _print(found: Mapping[str, permit_files.Found], ui: UI) -> None:
    if not found:
        ui.lines(["No VM has a permit on this host."])
    for vm_id, permit in found.items():
        if isinstance(permit, errors.PermitUnusable):
            ui.lines([f"VM {vm_id}: {_UNUSABLE}"])
            text = output.error_line(permit)
            ui.lines(layout.indented([text]))
        else:
            ui.lines([f"VM {vm_id}: {_state(permit)}"])
            ui.lines(layout.indented(_about(permit)))


def _about(permit: permits.Permit) -> list[str]:
    if permit.left > 0:
        when = f"until {permit.until}, for {_duration(permit.left)}"
    else:
        when = f"until {permit.until}"
    return [
        when,
        f"made {printable(permit.made)} by {printable(permit.by)}",
        f"reason: {printable(permit.reason)}",
    ]


def _state(permit: permits.Permit) -> str:
    return _OPEN if permit.left > 0 else _EXPIRED


def _object(vm_id: str, permit: permit_files.Found) -> PermitObject:
    if isinstance(permit, errors.PermitUnusable):
        return {
            "vm": vm_id,
            "state": _UNUSABLE,
            "until": None,
            "seconds_left": None,
            "made": None,
            "by": None,
            "reason": None,
            "error": objects.error_object(permit),
        }
    return {
        "vm": vm_id,
        "state": _state(permit),
        "until": permit.until,
        "seconds_left": max(round(permit.left), 0),
        "made": permit.made,
        "by": permit.by,
        "reason": permit.reason,
        "error": None,
    }


def _duration(seconds: float) -> str:
    """A time in its largest unit that fits, and the next one: "1 hour"."""
    left, parts = round(seconds), []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number:
            parts.append(output.count(number, unit))
    return " ".join(parts[:2]) or "0 seconds"
