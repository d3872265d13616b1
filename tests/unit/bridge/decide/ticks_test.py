# SPDX-License-Identifier: GPL-2.0-or-later
"""The box is ticked: the flag is set, unless it is on."""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, unticked
from vdsm_backup.bridge.shapes import NOTHING, SET

CASES = Cases()
case = CASES.case


@case(1)
def never():
    return Story().look(False, "never")


@case(1)
def off():
    story = Story()
    story.look(False, "off:s")
    return story.look(False, "off:s", story.edit())


@case(2)
def first_sight_of_both():
    return Story().look(True, "on")


@case(2)
def with_events():
    story = agreed()
    return story.look(True, "on", story.edit())


@case(3, SET)
def tick_with_its_event():
    story = Story()
    story.look(False, "never")
    answer = story.look(True, "never", story.edit("anna"))
    assert answer.users == ("anna",)
    return answer


@case(3, SET)
def tick_without_an_event():
    story = Story()
    story.look(False, "never")
    answer = story.look(True, "never")
    assert answer.users == ()
    return answer


@case(3, SET)
def tick_and_two_events():
    story = Story()
    story.look(False, "never", story.edit("carol"))
    answer = story.look(True, "never", story.edit("anna"), story.edit("bob"))
    assert answer.users == ("anna", "bob")
    return answer


@case(3, SET)
def first_sight_of_a_tick():
    story = Story()
    answer = story.look(True, "never", story.edit("anna"))
    # Nobody knows when the box was ticked.
    assert answer.users == ()
    return answer


@case(3, SET)
def flag_that_went_while_the_box_was_off():
    """What was flagged before is over."""
    story = agreed()
    unticked(story, story.edit())
    story.look(False, "never")
    return story.look(True, "never", story.edit())


@case(6, SET)
def ticked_after_a_clear_that_was_written_over():
    """The metadata have no key any more: the clear is known all the same."""
    story = agreed()
    unticked(story, story.edit())
    story.look(False, "off:s")
    story.look(False, "never")
    return story.look(True, "never", story.edit())


@case(6, pending="event")
def ticked_after_that_and_the_event_is_late():
    story = agreed()
    story.look(True, "off:s")
    story.look(False, "never", story.edit())
    return story.look(True, "never")


@case(6, SET)
def ticked_after_the_clear():
    story = agreed()
    story.look(True, "off:s")
    story.looks(2, False, "off:s", story.edit())
    return story.look(True, "off:s", story.edit())


@case(6, SET)
def unticked_while_the_flag_could_not_be_read():
    """As the report of the conflict says it."""
    story = agreed()
    assert story.look(True, "off:s").tell == "conflict"
    story.looks(6, False, "unknown", story.edit())
    story.look(True, "unknown", story.edit())
    return story.look(True, "off:s")


@case(5, tell="conflict")
def cleared_again_after_that():
    """The tick came before the clear that is seen now, as far as is known."""
    story = agreed()
    story.look(True, "off:s")
    story.looks(6, False, "unknown", story.edit())
    story.look(True, "unknown", story.edit())
    return story.look(True, "off:t")


@case(6, SET)
def ticked_and_the_event_is_lost():
    story = Story()
    story.looks(2, False, "off:s")
    first, second, third = story.looks(3, True, "off:s")
    assert (first.act, second.act) == (NOTHING, NOTHING)
    assert first.pending == second.pending == "event"
    return third


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)
