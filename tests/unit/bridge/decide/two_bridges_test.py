# SPDX-License-Identifier: GPL-2.0-or-later
"""Another bridge works beside this one, of this engine or of another one."""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, unticked
from vdsm_backup.bridge import decide
from vdsm_backup.bridge.shapes import TICK

CASES = Cases()
case = CASES.case


@case(12, TICK)
def edit_by_a_bridge():
    story = agreed()
    return unticked(story, story.edit("bridge", ours=True))


@case(21, tell="conflict", row=5)
def tick_of_another_bridge_is_on_its_way():
    story = Story()
    story.looks(3, False, "off:s")
    return story.look(True, "off:s", story.edit("bridge", ours=True))


@case(23, tell="foreign")
def two_engines():
    return Story().look(False, "on", foreign=True)


@case(23)
def two_engines_and_no_flag():
    return Story().look(False, "never", foreign=True)


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)


def test_two_bridges_tell_the_same():
    """So the engine has one event of it: row 22."""
    told = set()
    for epoch in (7, 8):
        story = Story()
        story.epoch = epoch
        story.later(epoch)
        for stamp in ("on:s", "on:s", "on:s"):
            story.look(True, stamp)
        story.index = 500
        edit = story.edit()
        (*_, untick) = story.looks(3, False, "on:s", edit)
        conflict = story.look(True, "off:new")
        told |= {decide.report_key(a) for a in (untick, conflict)}
    assert len(told) == 2
    for epoch in (7, 8):
        story = Story()
        story.epoch = epoch
        story.later(epoch)
        master = story.look(False, "on:s", is_master=True)
        told.add(decide.report_key(master))
    assert len(told) == 3
