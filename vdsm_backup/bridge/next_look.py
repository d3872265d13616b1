# SPDX-License-Identifier: GPL-2.0-or-later
"""When to look at all domains again, and at one before that. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.reading import AGAIN

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Answer, Look, Memory


def is_time(compared: float | None, now: float, compare: float) -> bool:
    """
    Whether it is time to look at all domains. compared: when that was done
    last. compare: seconds.
    """
    # A clock that went back must not hold it up.
    return compared is None or not 0 <= now - compared < compare


def due(look: Look, answer: Answer, new: Memory | None) -> float | None:
    """
    Seconds since the epoch; None: with all others.

    new: what is remembered with this look.
    """
    now = look.now
    if new is None or answer.act != shapes.NOTHING:
        return now
    if look.box is None:
        return now + AGAIN
    if answer.pending == "failed":
        return new.retry_at
    if answer.pending == "event":
        return now
    if new.unsure and new.polls <= shapes.WAIT_POLLS:
        # What the engine has not answered may still be done.
        return now
    if answer.pending or (
        look.flag == shapes.UNKNOWN and look.is_data and look.box
    ):
        return now + AGAIN
    if (
        look.flag != shapes.UNKNOWN
        and look.box != (look.flag == shapes.ON)
        and new.polls <= shapes.WAIT_POLLS
    ):
        # The event of what was seen may still come.
        return now
    if look.flag == shapes.OFF and not look.box and not new.was_off:
        # A tick counts from the second look at this stamp on.
        return now
    return None
