# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which flags of the storage are known, by their stamps: so one that is new
differs from one that came back with older metadata. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import shapes

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Look, Memory

# How many of each kind are kept.
_STAMPS = 20


def is_set_anew(memory: Memory, look: Look) -> bool:
    """
    Whether somebody has set the flag since an untick was accepted. The bridge
    itself sets none while the box is off, so a flag that was not seen before
    is a person's, also if the flag could not be read since, or was off for a
    while that nobody has seen. One that was seen came back with older
    metadata, and is nobody's word.
    """
    return look.flag == shapes.ON and look.stamp not in memory.on_stamps


def seen(memory: Memory, look: Look) -> Memory:
    """What is remembered, with the flag of this look."""
    if look.flag == shapes.ON:
        if look.stamp in memory.on_stamps:
            return memory
        on_stamps = (*memory.on_stamps, look.stamp)[-_STAMPS:]
        return memory._replace(on_stamps=on_stamps)
    known = (*memory.old, memory.off_stamp)
    if look.flag == shapes.OFF and look.stamp not in known:
        return memory._replace(off_stamp=look.stamp, was_off=False)
    if look.box is False:
        # Not at the first look at this stamp: the box was read before the
        # stamp, and may have been ticked before the stamp was written.
        return memory._replace(was_off=True)
    return memory


def raised(memory: Memory) -> Memory:
    """The flag is on: the stamp that was there before is an old one."""
    old = memory.old
    if memory.off_stamp:
        old = (*old, memory.off_stamp)[-_STAMPS:]
    return memory._replace(
        old=old, off_stamp="", was_off=False, was_flagged=True
    )
