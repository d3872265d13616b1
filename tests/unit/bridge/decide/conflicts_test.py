# SPDX-License-Identifier: GPL-2.0-or-later
"""
The box is on and the flag is not: lost by a write-back, or cleared by the
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


@case(4, SET, "write-back")
def write_back_of_metadata_without_a_flag():
    return agreed().look(True, "never")


@case(4, SET, "write-back")
def the_same_after_our_own_set():
    """At the look after the act."""
    story = Story()
    story.look(False, "never")
    assert story.look(True, "never", story.edit()).row == 3
    return story.look(True, "never")


@case(4, SET, "write-back")
def the_same_after_our_tick():
    story = Story()
    assert story.look(False, "on").act == TICK
    return story.look(True, "never")


@case(4, SET)
def it_is_told_once():
    story = agreed()
    first = story.look(True, "never", outcome=shapes.FAILED)
    assert first.tell == "write-back"
    return story.later(60).look(True, "never")


@case(4, SET, "write-back")
def later_one_is_another_one():
    story = agreed()
    story.look(True, "never")
    story.look(True, "on:1")
    return story.look(True, "never")


@case(4, SET, "write-back")
def the_same_while_a_tick_is_on_its_way():
    story = Story()
    story.look(False, "on", outcome=shapes.UNSURE)
    story.looks(2, False, "never")
    return story.look(True, "never", story.edit("bridge", ours=True))


@case(5)
def cleared_and_then_written_back_to_never():
    story = agreed()
    assert story.look(True, "off:new").tell == "conflict"
    return story.look(True, "never")


@case(5)
def cleared_and_then_written_back_to_an_old_stamp():
    story = written_back()
    assert story.look(True, "off:new").tell == "conflict"
    story.look(True, "never")
    return story.look(True, "off:s")


@case(5, tell="conflict")
def cleared_written_back_and_ticked_by_a_bridge():
    story = Story()
    story.looks(3, False, "off:s")
    story.look(False, "never")
    return story.look(True, "never", story.edit("bridge", ours=True))


@case(5)
def cleared_and_written_back_and_it_is_the_master():
    story = agreed(is_master=True)
    story.look(True, "off:new", is_master=True)
    return story.look(True, "never", is_master=True)


@case(7, tell="conflict")
def first_sight_of_off_and_it_is_the_master():
    return Story().look(True, "off:s", is_master=True)


@case(7, row=5)
def first_sight_of_off_and_then_never():
    story = Story()
    story.look(True, "off:s")
    return story.look(True, "never")


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


@case(5)
def cleared_and_then_the_engine_is_restored():
    """The clear is on the storage, which no restore of an engine changes."""
    story = agreed()
    assert story.look(True, "off:s").tell == "conflict"
    story.look(True, "never")
    story.epoch += 1
    return story.look(True, "never")


@case(5)
def box_that_is_on_by_a_restore_is_nobodys_tick():
    story = agreed()
    story.look(True, "off:s")
    story.looks(3, False, "off:s", story.edit())
    story.look(False, "never")
    story.epoch += 1
    return story.looks(5, True, "never")[-1]


@case(6, SET)
def ticked_after_the_restore():
    story = agreed()
    story.look(True, "off:s")
    story.epoch += 1
    story.look(False, "never")
    return story.look(True, "never", story.edit())


@case(3, SET)
def cleared_and_then_imported_again():
    """Who imports it says anew what it is."""
    story = agreed()
    story.look(True, "off:s")
    story.looks(3, True, "never")
    return story.look(True, "never", imported=story.index)


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


def tick_on_its_way(*flags):
    """A story in which the flag is cleared before the tick comes."""
    story = Story()
    assert story.look(False, "on", outcome=shapes.UNSURE).act == TICK
    for flag in flags:
        story.looks(2, False, flag)
    return story


@case(21, tell="conflict", row=5)
def somebody_renames_it_after_a_tick_that_was_on_its_way():
    story = tick_on_its_way("off:s")
    edits = story.edit("bridge", ours=True), story.edit()
    return story.look(True, "off:s", *edits)


@case(21, row=5)
def that_and_older_metadata():
    story = tick_on_its_way("off:s", "never")
    edits = story.edit("bridge", ours=True), story.edit()
    return story.looks(5, True, "never", *edits)[-1]


@case(21, tell="conflict", row=5)
def that_while_the_flag_could_not_be_read():
    story = tick_on_its_way("off:s")
    ours, edit = story.edit("bridge", ours=True), story.edit()
    story.look(True, "unknown", edit)
    assert story.look(True, "off:s").pending == "event"
    return story.look(True, "off:s", ours)


@case(21, tell="conflict", row=5)
def that_and_the_event_of_the_tick_is_late():
    story = tick_on_its_way("off:s")
    ours, edit = story.edit("bridge", ours=True), story.edit()
    assert story.look(True, "off:s", edit).pending == "event"
    return story.look(True, "off:s", ours)


@case(6, SET)
def tick_that_was_on_its_way_never_comes():
    """A person ticks the box, long after that."""
    story = tick_on_its_way("off:s")
    edit = story.edit()
    first, second, third = story.looks(3, True, "off:s", edit)
    assert first.pending == second.pending == "event"
    return third


@case(6, SET)
def event_of_that_is_lost():
    """No tick of the bridge's can come any more: so this is a person's."""
    story = tick_on_its_way("off:s")
    story.later(700).look(False, "off:s")
    first, second, third = story.looks(3, True, "off:s")
    assert first.pending == second.pending == "event"
    return third


@case(5, tell="conflict")
def event_is_lost_where_that_tick_may_still_come():
    story = tick_on_its_way("off:s")
    story.later(500).look(False, "off:s")
    return story.look(True, "off:s")


@case(6, SET)
def person_unticks_and_ticks_after_that():
    story = tick_on_its_way("off:s")
    edits = story.edit("bridge", ours=True), story.edit()
    story.look(True, "off:s", *edits)
    story.looks(6, False, "off:s", story.edit())
    return story.looks(3, True, "off:s", story.edit())[-1]


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)
