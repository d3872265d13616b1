# SPDX-License-Identifier: GPL-2.0-or-later
"""doctor: is this host really protected. checkup.py has all checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.cli import layout
from vdsm_backup.cli.checkup import Checkup
from vdsm_backup.cli.exits import Exit
from vdsm_backup.doctor import checks

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.cli.output import UI

_WIDTH = max(map(len, checks.STATES))


def run(args: argparse.Namespace, options: None, ui: UI) -> Exit:
    """
    Returns FAILED if any check found something bad; else PARTLY if something
    could not be looked at.
    """
    checkup = Checkup(args.config, args.debug, ui, args.typed)
    if args.vdsm:
        checkup.plugin_only()
    else:
        checkup.all()
    # The worst is read last, which is what a terminal shows. What is so of
    # two mounts of one domain is told once.
    found = sorted(
        dict.fromkeys(checkup.findings),
        key=lambda f: checks.STATES.index(f.state),
    )
    states = {finding.state for finding in found}
    if ui.as_json:
        shown = [
            {
                "name": finding.check,
                "state": finding.state,
                "text": finding.text,
                "hint": finding.hint or None,
            }
            for finding in found
        ]
        ui.json(protected=_protected(states), checks=shown, notes=[])
    else:
        ui.lines(map(_line, found))
    if checks.BAD in states:
        return Exit.FAILED
    return Exit.PARTLY if checks.UNKNOWN in states else Exit.DONE


def _protected(states: set[str]) -> bool | None:
    if checks.BAD in states:
        return False
    return None if checks.UNKNOWN in states else True


def _line(found: checks.Finding) -> str:
    line = f"{found.state:{_WIDTH}}  {found.check}: {found.text}"
    if found.hint:
        line += f"; next: {found.hint}"
    return layout.harmless(line)
