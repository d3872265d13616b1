# SPDX-License-Identifier: GPL-2.0-or-later
"""
The box goes off while the flag is on: by somebody, which is told, or by
nobody, which is undone.
"""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, unticked
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import SET, TICK

CASES = Cases()
case = CASES.case


@case(9, TICK)
def box_went_off_by_nobody():
    return unticked(agreed())


@case(9)
def event_is_waited_for():
    return agreed().looks(2, False, "on")[-1]


@case(9, tell="untick", row=10)
def box_went_off_again_by_nobody():
    story = agreed()
    assert unticked(story).act == TICK
    story.looks(3, True, "on")
    return unticked(story)


@case(10, tell="untick")
def untick():
    story = agreed()
    answer = unticked(story, story.edit("anna"))
    assert answer.users == ("anna",)
    return answer


@case(10)
def untick_is_told_once():
    story = agreed()
    unticked(story, story.edit())
    return story.looks(100, False, "on")[-1]


@case(10, tell="untick")
def untick_whose_event_is_late():
    story = agreed()
    edit = story.edit()
    story.looks(2, False, "on")
    return story.look(False, "on", edit)


@case(10, tell="untick")
def untick_long_after_our_tick():
    story = Story()
    assert story.look(False, "on").act == TICK
    story.looks(3, True, "on")
    story.later(1801)
    return unticked(story, story.edit())


@case(11, TICK)
def dialog_that_was_open():
    story = Story()
    story.look(False, "on")
    return unticked(story, story.edit())


@case(11, tell="untick", row=10)
def dialog_twice():
    story = Story()
    story.look(False, "on")
    assert unticked(story, story.edit()).act == TICK
    story.look(True, "on")
    return unticked(story, story.edit())


@case(11, tell="untick", row=10)
def dialog_twice_and_a_tick_that_was_seen_to_land():
    """The engine has not answered it, and then the box was on."""
    story = Story()
    story.look(False, "on")
    lost = {"outcome": shapes.UNSURE}
    assert unticked(story, story.edit(), **lost).act == TICK
    story.look(True, "unknown")
    return unticked(story, story.edit())


@case(11, tell="untick", row=10)
def dialog_twice_and_an_edit_of_something_else():
    """It does not make our own tick one of a person."""
    story = Story()
    story.look(False, "on")
    assert unticked(story, story.edit()).act == TICK
    story.look(True, "unknown")
    story.look(True, "unknown", story.edit())
    return unticked(story, story.edit("bob"), story.edit("bob"))


@case(11, TICK)
def undone_before_the_next_look():
    story = Story()
    story.look(False, "on")
    edits = story.edit("bridge", ours=True), story.edit()
    return unticked(story, *edits)


@case(13)
def edits_by_several_are_told_once():
    story = agreed()
    unticked(story, story.edit("anna"), story.edit("bob"))
    return story.look(False, "on")


@case(14)
def untick_then_clear():
    story = agreed()
    unticked(story, story.edit())
    return story.look(False, "off:s")


@case(14)
def clear_then_untick():
    story = agreed()
    story.look(True, "off:s")
    return story.look(False, "off:s", story.edit())


@case(14, TICK, row=31)
def flag_that_was_raised_again():
    """The untick is forgotten, so this is a `set` by the command line."""
    story = agreed()
    unticked(story, story.edit())
    story.look(False, "off:s")
    return story.look(False, "on")


def accepted():
    """A story with an untick that was accepted."""
    story = agreed()
    assert unticked(story, story.edit(), flag="on:s").row == 10
    return story


@case(31, TICK)
def set_anew_after_an_untick():
    """That the flag was off in between nobody has seen."""
    return accepted().look(False, "on:t")


@case(31, TICK)
def the_same_while_the_flag_could_not_be_read():
    story = accepted()
    story.looks(3, False, "unknown")
    return story.look(False, "on:t")


@case(31, TICK)
def the_same_while_another_engine_had_the_domain():
    story = accepted()
    story.looks(3, False, "on:s", foreign=True)
    return story.look(False, "on:t")


@case(31, TICK)
def the_same_by_that_engine():
    story = accepted()
    story.looks(3, False, "on:s", foreign=True)
    story.looks(3, False, "on:t", foreign=True)
    return story.look(False, "on:t")


@case(10)
def flag_that_another_engine_has_left_as_it_was():
    story = accepted()
    story.looks(3, False, "on:s", foreign=True)
    return story.look(False, "on:s")


@case(10)
def flag_that_could_not_be_read_for_a_while():
    story = accepted()
    story.looks(3, False, "unknown")
    return story.look(False, "on:s")


@case(10)
def flag_that_the_bridge_itself_has_set():
    """It does not know the stamp that it has written."""
    story = Story()
    story.look(False, "never")
    assert story.look(True, "never", story.edit()).act == SET
    assert unticked(story, story.edit(), flag="on:s").tell == "untick"
    return story.looks(3, False, "on:s")[-1]


@case(10)
def older_flag_that_is_on_comes_back():
    """It is no new one: `restore`, or a host without the plugin, wrote it."""
    story = Story()
    story.looks(3, True, "on:s")
    story.looks(3, True, "on:t")
    assert unticked(story, story.edit(), flag="on:t").row == 10
    assert story.look(False, "on:s").row == 10
    return story.look(False, "on:t")


@case(31, TICK)
def flag_that_is_set_after_an_older_one_came_back():
    story = Story()
    story.looks(3, True, "on:s")
    unticked(story, story.edit(), flag="on:t")
    story.look(False, "on:s")
    return story.look(False, "on:u")


@case(11, TICK)
def dialog_after_the_flag_was_set_anew():
    """What was repeated before is over, too."""
    story = Story()
    story.look(False, "on:s")
    assert unticked(story, story.edit(), flag="on:s").row == 11
    assert unticked(story, story.edit(), flag="on:s").tell == "untick"
    assert story.look(False, "on:t").row == 31
    return unticked(story, story.edit(), flag="on:t")


@case(20, tell="untick", row=10)
def untick_while_we_set():
    story = Story()
    story.look(False, "never")
    assert story.look(True, "never", story.edit()).act == SET
    return unticked(story, story.edit())


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)


def test_flag_that_is_replaced_is_the_same_for_the_box():
    """`set --replace` gives the flag that is on another stamp."""
    story = Story()
    story.looks(3, True, "on:s")
    story.look(True, "on:t")
    assert unticked(story, story.edit(), flag="on:u").row == 10
