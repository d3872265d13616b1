# SPDX-License-Identifier: GPL-2.0-or-later
"""
reseal: give metadata that somebody has edited by hand the right checksum
(_SHA_CKSUM) again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.change import reseal
from vdsm_backup.change.request import Request, Result
from vdsm_backup.cli import changes, interruption
from vdsm_backup.metadata import flag
from vdsm_backup.processes import forks

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.cli.exits import Exit
    from vdsm_backup.cli.output import UI
    from vdsm_backup.cli.wiring import HostWorld
    from vdsm_backup.config import Config

_WORDS = changes.Words(
    "has the right checksum (_SHA_CKSUM) again",
    "would get the right checksum (_SHA_CKSUM)",
    "has the right checksum (_SHA_CKSUM)",
)


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Raises what flag.require_reason(), changes.find() and reseal.reseal() do.
    """
    request = Request(
        action="reseal",
        reason=flag.require_reason(args.reason),
        dry_run=args.dry_run,
    )
    with (
        interruption.told(args, request.reason) as attempt,
        forks.up(changes.CHILDREN),
    ):
        return _reseal(request, args, options, ui, attempt)


def _reseal(
    request: Request,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
    attempt: Attempt,
) -> Exit:
    storage, failures = changes.find(args, options, ui, attempt)

    def work(world: HostWorld) -> Result:
        return reseal.reseal(storage, request, world)

    return changes.make(
        storage,
        failures,
        work,
        _WORDS,
        args,
        options,
        ui,
        attempt,
        show_lines=True,
    )
