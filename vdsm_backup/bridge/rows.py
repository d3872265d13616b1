# SPDX-License-Identifier: GPL-2.0-or-later
"""What was seen of each domain, in words, for `status`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.bridge import flags, shapes

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Answer, Look, Memory


class Row(NamedTuple):
    """
    One domain as it was seen last, for `status`.

    box: None: not known. flag: ON, OFF, NEVER or UNKNOWN.
    why: why box and flag differ, or why one of them is not known, or "".
    differs_since: seconds since the epoch; None: they agree.
    """

    id: str
    name: str
    data_center: str
    box: bool | None
    flag: str
    row: int
    act: str
    why: str
    differs_since: float | None


def row(
    sd_id: str,
    name: str,
    data_center: str,
    look: Look,
    answer: Answer,
    memory: Memory | None,
    unread: str,
) -> Row:
    """
    memory: with the look; None: nothing is remembered, the box is not known.
    unread: why the flag could not be read, if it could not.
    """
    since = _differs_since(look, memory)
    why = ""
    if since is not None or look.box is None:
        why = _why(answer, unread if look.flag == shapes.UNKNOWN else "")
    return Row(
        sd_id,
        name,
        data_center,
        look.box,
        look.flag,
        answer.row,
        answer.act,
        why,
        since,
    )


def failed(
    sd_id: str,
    name: str,
    data_center: str,
    look: Look,
    before: Row | None,
    error: str,
) -> Row:
    """A look that has failed. look: what is known. before: as it was seen."""
    differ = look.flag == shapes.UNKNOWN or look.box != (
        look.flag == shapes.ON
    )
    since = None
    if look.box is not None and differ:
        since = before.differs_since if before else None
        since = look.now if since is None else since
    return Row(
        sd_id,
        name,
        data_center,
        look.box,
        look.flag,
        0,
        shapes.NOTHING,
        error,
        since,
    )


def _differs_since(look: Look, memory: Memory | None) -> float | None:
    """None: box and flag agree, or the box is not known."""
    if look.box is None or memory is None:
        return None
    if look.flag == shapes.UNKNOWN:
        return memory.unknown_since
    return memory.since if look.box != (look.flag == shapes.ON) else None


# What waits, in words. Any other text of Answer.pending is shown as it is.
_PENDING = {
    "failed": "it was tried and failed; see the log",
    "event": "an event of the engine may still come",
    "unknown": "the flag cannot be read",
    "master": "it is the master domain of its data center",
    "hosted-engine": "it has the engine's own VM on it",
    flags.WITHOUT_PLUGIN: "the SPM host has no VDSM plugin",
}

# What the rows of the table say of a difference that stays.
_STAYS = {
    5: "the flag was cleared while the box was ticked",
    7: "the flag was cleared; which was later is not known",
    10: "the box was unticked",
    13: "the box was unticked by one of several",
    18: "it is attached to a data center of another engine",
    23: "it is attached to a data center of another engine",
    28: "only data domains can have the flag",
}


def _why(answer: Answer, unread: str) -> str:
    if answer.row == 0:
        return "the engine has locked the domain"
    if answer.act != shapes.NOTHING:
        return f"about to {answer.act}"
    if answer.pending:
        words = _PENDING.get(answer.pending, answer.pending)
        return unread or words
    return unread or _STAYS.get(answer.row, "")
