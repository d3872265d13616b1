# SPDX-License-Identifier: GPL-2.0-or-later
"""Which edits of a domain are remembered, and which of them count. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Edit, Memory

# How many are kept.
_MOST = 50


def newest(edits: list[Edit] | tuple[Edit, ...]) -> tuple[Edit, ...]:
    """As many as are kept."""
    return tuple(edits[-_MOST:])


def merged(known: tuple[Edit, ...], new: tuple[Edit, ...]) -> tuple[Edit, ...]:
    by_index = {edit.number: edit for edit in (*known, *new)}
    return tuple(by_index[index] for index in sorted(by_index))


def since(memory: Memory, index: int | None) -> list[Edit]:
    """Edits after that index; none if it is not known."""
    if index is None:
        return []
    return [edit for edit in memory.edits if edit.number > index]


def overwritten(memory: Memory) -> list[Edit]:
    """
    Edits that a tick of the bridge may have undone: the engine reads a domain,
    and writes all of it. They were made after the look, and before the event
    of the tick: an edit whose event comes later was written later, too, or at
    the same moment.
    """
    found = since(memory, memory.ticked_index)
    for number, edit in enumerate(found):
        if edit.ours:
            return found[:number]
    return []
