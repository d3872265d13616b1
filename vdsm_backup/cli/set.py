# SPDX-License-Identifier: GPL-2.0-or-later
"""
set and clear: change the backup flag, with a reason. VDSM changes a domain
that is attached (change/through_vdsm.py), unless the pool of the domain is
gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.change import change, through_vdsm
from vdsm_backup.change.request import Request, Result
from vdsm_backup.cli import changes, interruption
from vdsm_backup.host import vdsm_client
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import forks
from vdsm_backup.storage.meant import ambiguous

if TYPE_CHECKING:
    import argparse

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.change.world import World
    from vdsm_backup.cli.exits import Exit
    from vdsm_backup.cli.output import UI
    from vdsm_backup.config import Config

_WORDS = {
    "set": changes.Words(
        "is a backup domain now",
        "would become a backup domain",
        "is a backup domain already, for this reason",
    ),
    "clear": changes.Words(
        "is no longer a backup domain",
        "would stop being a backup domain",
        "is not a backup domain",
    ),
}


def run(args: argparse.Namespace, options: Config, ui: UI) -> Exit:
    """
    Raises what flag.require_reason(), changes.find(), change.change() and
    through_vdsm.change_flag() do.
    """
    request = Request(
        action=args.command,
        # A reason that cannot be stored is refused before any search.
        reason=flag.require_reason(args.reason),
        dry_run=args.dry_run,
        despite_open_images=args.despite_open_images,
        accept_origin=args.accept_origin,
        pool_is_gone=args.pool_is_gone,
        # There is none of `clear`.
        replace=getattr(args, "replace", False),
    )
    children = changes.USERS_TOO if request.value else changes.CHILDREN
    with (
        interruption.told(args, request.reason) as attempt,
        forks.up(children),
    ):
        return _change(request, args, options, ui, attempt)


def _change(
    request: Request,
    args: argparse.Namespace,
    options: Config,
    ui: UI,
    attempt: Attempt,
) -> Exit:
    storage, failures = changes.find(args, options, ui, attempt)

    def work(world: World) -> Result:
        # A domain that is in a pool is changed by VDSM, any other by us. In
        # both cases the metadata is read again.
        values = md_lines.parse(storage.last_scan()).values
        pool = values.get(domain.POOL)
        if request.pool_is_gone or pool in (None, "", domain.NO_POOL):
            return change.change(storage, request, world)
        if storage.twins:
            # Nobody tells whether VDSM's is the one that is meant.
            places = [storage, *storage.twins]
            error = ambiguous(storage.sd_id, places)
            error.way_out = (
                "VDSM has to change it, and does not tell which of them it"
                " has: disconnect the other one"
            )
            raise error
        vdsm = vdsm_client.Vdsm(
            options.vdsm_host, options.vdsm_port, options.vdsm_tls
        )
        wanted = {**values, flag.BACKUP: str(request.value)}
        return through_vdsm.change_flag(
            storage,
            request,
            world,
            vdsm,
            lambda: attempt.by_others(wanted),
            args.by or "",
        )

    return changes.make(
        storage,
        failures,
        work,
        _WORDS[args.command],
        args,
        options,
        ui,
        attempt,
    )
