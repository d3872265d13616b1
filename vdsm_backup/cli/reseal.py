# SPDX-License-Identifier: GPL-2.0-or-later
"""
reseal: give metadata that somebody has edited by hand the right checksum
(_SHA_CKSUM) again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import change, reseal
from vdsm_backup.cli import changes, interruption
from vdsm_backup.host import journal
from vdsm_backup.metadata import flag
from vdsm_backup.processes import forks

if TYPE_CHECKING:
    import argparse

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
    request = change.Request(
        action="reseal",
        reason=flag.require_reason(args.reason),
        dry_run=args.dry_run,
    )
    with interruption.told(args) as stage, forks.up(changes.CHILDREN):
        return _reseal(request, args, options, ui, stage)


def _reseal(
    request: change.Request,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
    stage: interruption.Stage,
) -> Exit:
    storage, failures = changes.find(args, options, ui, stage)

    def work(world: HostWorld) -> change.Result:
        try:
            result = reseal.reseal(storage, request, world)
        except errors.Error as e:
            _tell_journal(storage.sd_id, request, world.who, e)
            raise
        if result.changed:
            _tell_journal(storage.sd_id, request, world.who)
        return result

    return changes.make(
        storage,
        failures,
        work,
        _WORDS,
        args,
        options,
        ui,
        stage,
        show_lines=True,
    )


def _tell_journal(
    sd_id: str,
    request: change.Request,
    who: str,
    error: errors.Error | None = None,
) -> None:
    """
    Tell the journal who has tried this, and why: the reason is kept nowhere
    else, since that in the metadata belongs to the flag. error: why it failed.
    """
    if request.dry_run:
        return
    fields = {"domain": sd_id, "reason": request.reason, "by": who}
    if error is None:
        journal.send(
            f"Storage domain {sd_id} has the right checksum again:"
            f" {request.reason}",
            journal.NOTICE,
            action="reseal",
            result="done",
            **fields,
        )
        return
    result = "refused" if error.refusal else "failed"
    if isinstance(error, errors.OutcomeUnknown):
        result = "unknown"
    journal.send(
        f"reseal: {error}",
        journal.WARNING if error.refusal else journal.ERR,
        action="reseal",
        result=result,
        code=error.code,
        **fields,
    )
