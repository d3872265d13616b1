# SPDX-License-Identifier: GPL-2.0-or-later
"""
set and clear: change the backup flag, with a reason. A domain that is attached
is changed by VDSM (attached.py), unless its pool is gone.
"""

from vdsm_backup.change import change, through_vdsm
from vdsm_backup.cli import changes, target
from vdsm_backup.host import vdsm_client
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

_WORDS = {
    "set": (
        "is a backup domain now",
        "would become a backup domain",
        "is a backup domain already, for this reason",
    ),
    "clear": (
        "is no backup domain now",
        "would become no backup domain",
        "is no backup domain, and this reason is given already",
    ),
}


def run(args, options, ui):
    request = change.Request(
        action=args.command,
        # First, before anything is looked for.
        reason=flag.require_reason(args.reason),
        dry_run=args.dry_run,
        despite_open_images=args.despite_open_images,
        accept_origin=args.accept_origin,
        pool_is_gone=args.pool_is_gone,
    )
    storage, failures = target.by_sd(args.sd, options, patient=True)

    def work(tools):
        # This chooses the way, on which it is looked at again.
        pool = md_lines.parse(storage.seen()).values.get(change.POOL)
        if request.pool_is_gone or not pool:
            return change.change(storage, request, tools)
        vdsm = vdsm_client.Vdsm(
            options.vdsm_host, options.vdsm_port, options.vdsm_tls
        )
        return through_vdsm.change_flag(storage, request, tools, vdsm)

    return changes.make(
        storage,
        failures,
        work,
        _WORDS[args.command],
        args,
        options,
        ui,
    )
