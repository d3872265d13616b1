# SPDX-License-Identifier: GPL-2.0-or-later
"""
The box is on and the flag is off: lost by a write-back, or cleared by the
command line.
"""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, written_back
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import SET, TICK

CASES = Cases()
case = CASES.case


@case(4, SET, "write-back")
def write_back():
    return written_back().look(True, "off:s")


@case(4, SET, "write-back")
def write_back_of_our_own_set():
    """At the look after the act; that the flag was on was never seen."""
    story = Story()
    story.look(False, "off:s")
    story.look(False, "off:s")
    assert story.look(True, "off:s", story.edit()).act == SET
    return story.look(True, "off:s")


@case(4, SET, "write-back")
def later_write_back_is_another_one():
    story = written_back()
    story.look(True, "off:s")
    story.look(True, "on")
    return story.look(True, "off:s")


@case(5, tell="conflict")
def cleared_by_the_command_line():
    return agreed().look(True, "off:new")


@case(5)
def conflict_is_told_once():
    story = agreed()
    story.look(True, "off:new")
    return story.look(True, "off:new")


@case(5, tell="conflict")
def each_stamp_is_another_conflict():
    story = agreed()
    story.look(True, "off:new")
    story.look(True, "on")
    return story.look(True, "off:newer")


@case(7, tell="conflict")
def first_sight_of_box_on_and_flag_off():
    return Story().look(True, "off:s")


@case(7, tell="conflict")
def restored_engine():
    """The box is on by the restore, and by nobody's tick."""
    story = Story()
    story.looks(3, False, "off:s")
    story.epoch += 1
    return story.look(True, "off:s")


@case(7, tell="conflict")
def first_flag_that_could_be_read():
    story = Story()
    story.look(True, "unknown")
    return story.look(True, "off:s")


@case(21, tell="conflict", row=5)
def clear_while_we_tick():
    story = Story()
    assert story.look(False, "on").act == TICK
    return story.look(True, "off:s", story.edit("bridge", ours=True))


@case(21, tell="conflict", row=5)
def clear_while_a_tick_is_on_its_way():
    """The engine is slow, and answers nothing."""
    story = Story()
    answer = story.look(False, "on", outcome=shapes.UNSURE)
    assert answer.act == TICK
    story.looks(3, False, "off:s")
    return story.look(True, "off:s")


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)
