# SPDX-License-Identifier: GPL-2.0-or-later
"""
When to look at all domains again, and at one before that. Pure.

What waits for something that the bridge cannot change is looked at less and
less often, as what has failed. All domains are looked at each `compare`
seconds, which is five minutes by default: so the longer delays count only
where that is longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import flags, memory, shapes

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Answer, Look, Memory

# Why a domain waits: the time of the next try is known.
_TRIED_AGAIN = ("failed", flags.WITHOUT_PLUGIN)


def is_time(compared: float | None, now: float, compare: float) -> bool:
    """
    Whether it is time to look at all domains. compared: when that was done
    last. compare: seconds.
    """
    # A clock that went back must not hold it up.
    return compared is None or not 0 <= now - compared < compare


def due(
    look: Look, answer: Answer, new: Memory | None, now: float
) -> float | None:
    """
    Seconds since the epoch; None: with all others.

    new: what is remembered with this look. now: when it has ended, which may
    be long after it began if a host has not answered.
    """
    if new is None or answer.act != shapes.NOTHING:
        return now
    if look.box is None:
        return now + memory.RETRIES[0]
    if answer.pending in _TRIED_AGAIN:
        return new.retry_at
    if answer.pending == "event":
        return now
    if new.unsure and new.polls <= shapes.WAIT_POLLS:
        # What the engine has not answered may still be done.
        return now
    if answer.pending or (
        look.flag == shapes.UNKNOWN and look.is_data and look.box
    ):
        began = new.since if new.unknown_since is None else new.unknown_since
        return now + _delay(look.now - began)
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


def _delay(waited: float) -> float:
    """Seconds until the next look at what has waited for so many seconds."""
    end = 0
    for delay in memory.RETRIES:
        end += delay
        if waited < end:
            return delay
    return memory.RETRIES[-1]
