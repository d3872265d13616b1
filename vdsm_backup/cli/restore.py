# SPDX-License-Identifier: GPL-2.0-or-later
"""restore: put a kept copy of the metadata back."""

from vdsm_backup import change, errors, flag
from vdsm_backup import format as fmt
from vdsm_backup import restore as work
from vdsm_backup.cli import changes, target, wiring


def run(args, options, ui):
    storage, failures = target.by_sd(args.sd, options, patient=True)
    copy = _copy(wiring.keeper(options), storage.sd_id, args.number, ui)
    request = change.Request(
        action="restore",
        dry_run=args.dry_run,
        despite_open_images=args.despite_open_images,
        pool_is_gone=args.pool_is_gone,
    )
    flagged = fmt.parse(copy.lines).values.get(flag.BACKUP) == "True"
    state = "a backup domain" if flagged else "no backup domain"
    words = (
        f"has the metadata of copy {copy.number} again and is {state}",
        f"would get the metadata of copy {copy.number} and be {state}",
        f"has the metadata of copy {copy.number} and is {state}",
    )
    return changes.make(
        storage,
        failures,
        lambda tools: work.restore(
            storage, copy, request, tools, chosen=bool(args.number)
        ),
        words,
        args,
        options,
        ui,
    )


def _copy(history, sd_id, number, ui):
    """
    The copy of this number, or the newest that is whole.

    Raises HistoryNotFound, HistoryFailed.
    """
    if number:
        return history.get(sd_id, number)
    for number in reversed(history.numbers(sd_id)):
        try:
            copy = history.get(sd_id, number)
            if fmt.require(copy.lines, sd_id).seal == "valid":
                return copy
            reason = "it has no seal"
        except errors.Error as e:
            reason = str(e)
        ui.notes([f"copy {number} is not whole: {reason}"])
    raise errors.HistoryNotFound(sd_id, "that is whole")
