# SPDX-License-Identifier: GPL-2.0-or-later
"""restore: put a kept copy of the metadata back."""

import dataclasses

from vdsm_backup import errors
from vdsm_backup.change import change, restore
from vdsm_backup.cli import changes, target, wiring
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


def run(args, options, ui):
    storage, failures = target.by_sd(args.sd, options, patient=True)
    copy, skipped = _copy(
        wiring.keeper(options), storage.sd_id, args.number, ui
    )
    request = change.Request(
        action="restore",
        dry_run=args.dry_run,
        despite_open_images=args.despite_open_images,
        pool_is_gone=args.pool_is_gone,
    )
    flagged = md_lines.parse(copy.lines).values.get(flag.BACKUP) == "True"
    state = "a backup domain" if flagged else "no backup domain"
    words = (
        f"has the metadata of copy {copy.number} again and is {state}",
        f"would get the metadata of copy {copy.number} and be {state}",
        f"has the metadata of copy {copy.number} and is {state}",
    )

    def work(tools):
        result = restore.restore(
            storage, copy, request, tools, chosen=bool(args.number)
        )
        if not ui.as_json:
            # They have been shown.
            return result
        return dataclasses.replace(result, notes=(*skipped, *result.notes))

    return changes.make(
        storage, failures, work, words, args, options, ui, copy
    )


def _copy(history, sd_id, number, ui):
    """
    (the copy of this number, or the newest that is whole; notes on newer
    ones). The notes are shown at once: there may be nothing but an error
    after them.

    Raises HistoryNotFound, HistoryFailed.
    """
    skipped = []
    if number:
        return history.get(sd_id, number), skipped
    for number in reversed(history.numbers(sd_id)):
        try:
            copy = history.get(sd_id, number)
            change.check(copy.lines, sd_id)
            return copy, skipped
        except errors.SealMissing:
            reason = "it has no seal"
        except errors.Error as e:
            reason = str(e)
        skipped.append(f"copy {number} is not whole: {reason}")
        ui.notes(skipped[-1:])
    raise errors.HistoryNotFound(sd_id, "that is whole")
