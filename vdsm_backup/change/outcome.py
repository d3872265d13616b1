# SPDX-License-Identifier: GPL-2.0-or-later
"""
What became of a write that did not end well. Only storage can tell: the new
lines are there, or the old ones, or those of somebody else; and a write that
has not ended may still come.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.metadata import domain, flag

if TYPE_CHECKING:
    from vdsm_backup.change.world import Unsettled
    from vdsm_backup.storage.base import Reader


def find(
    storage: Reader,
    old: list[str] | None,
    new: list[str],
    unsettled: Unsettled,
    linger: float,
) -> None:
    """
    Returns if the new lines are on storage.

    linger: seconds that a write which has not ended may still take.

    Otherwise raises WriteFailed or MetadataChanged if ours was not written;
    ChangedByOther if somebody else has changed it, and it is whole; what
    domain.check() raises if it is not whole; MetadataMissing if it is gone;
    OutcomeUnknown if nobody can say.
    """
    deadline = time.monotonic() + linger
    while True:
        try:
            lines = storage.read()
        except errors.Error as e:
            raise _unread(storage, old, unsettled, e)
        if sorted(lines) == sorted(new):
            return
        if unsettled.ended or time.monotonic() >= deadline:
            raise _not_there(storage, old, lines, unsettled)
        time.sleep(0.2)


def _unread(
    storage: Reader,
    old: list[str] | None,
    unsettled: Unsettled,
    error: errors.Error,
) -> errors.Error:
    """What to raise after a write, if reading it back raises this error."""
    not_whole = isinstance(error, domain.NOT_WHOLE)
    if not_whole and unsettled.failed and old is None:
        # As it was before.
        return errors.WriteFailed(storage.sd_id, "commit", unsettled.cause)
    if not_whole and unsettled.ended:
        return error
    reason = f"{unsettled.cause}, and then: {error}"
    return errors.OutcomeUnknown(storage.sd_id, reason)


def _not_there(
    storage: Reader,
    old: list[str] | None,
    lines: list[str],
    unsettled: Unsettled,
) -> errors.Error:
    """What to raise after a write, if other lines than the new are there."""
    sd_id, cause = storage.sd_id, unsettled.cause
    as_before = old is not None and sorted(lines) == sorted(old)
    if not unsettled.ended:
        if not as_before:
            cause += "; somebody else has changed the metadata meanwhile"
        return errors.OutcomeUnknown(sd_id, cause)
    if as_before:
        return errors.WriteFailed(sd_id, "commit", cause)
    if unsettled.failed:
        return errors.MetadataChanged(sd_id)
    try:
        now = domain.check(lines, sd_id)
    except errors.Error as e:
        return e
    return errors.ChangedByOther(sd_id, flag.describe(now.flag))


def not_undone(
    storage: Reader, users: str, error: errors.Error
) -> errors.Error:
    """
    What to raise if an undo has failed with this error. Only storage tells
    whether the flag is still there.
    """
    sd_id = storage.sd_id
    with contextlib.suppress(errors.Error):
        now = domain.check(storage.read(), sd_id).flag
        if not now.value:
            state = f"{flag.describe(now)}; it came into use ({users})"
            return errors.ChangedByOther(sd_id, state)
        if not isinstance(error, errors.OutcomeUnknown):
            return errors.UndoFailed(sd_id, users, str(error))
    reason = (
        f"it came into use ({users}), and taking the change back failed:"
        f" {error}"
    )
    return errors.OutcomeUnknown(sd_id, reason)
