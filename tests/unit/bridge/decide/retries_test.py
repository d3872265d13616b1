# SPDX-License-Identifier: GPL-2.0-or-later
"""An act that failed, or of which a killed bridge did not see the end."""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, unticked
from vdsm_backup.bridge import memory, shapes
from vdsm_backup.bridge.shapes import SET, TICK

CASES = Cases()
case = CASES.case


@case(31, pending="failed")
def engine_refuses_the_tick():
    story = Story()
    story.look(False, "never")
    story.look(False, "on", outcome=shapes.FAILED)
    return story.look(False, "on")


@case(31, TICK)
def engine_is_asked_again():
    story = Story()
    story.look(False, "never")
    story.look(False, "on", outcome=shapes.FAILED)
    return story.later(60).look(False, "on")


def refused(story, times, why="a VM runs", **more):
    """The last answer before the engine is asked once more."""
    for _ in range(times):
        more = {"outcome": shapes.REFUSED, "why": why, **more}
        assert story.look(False, "on:s", **more).act == TICK
        answer = story.look(False, "on:s")
        story.later(1800)
    return answer


@case(27, tell="refused", pending="failed")
def engine_refuses_the_tick_three_times():
    answer = refused(Story(), 3)
    assert answer.why == "a VM runs"
    return answer


@case(27, row=31, pending="failed")
def engine_refuses_the_tick_twice():
    return refused(Story(), 2)


@case(27, pending="failed")
def refusals_are_told_once():
    return refused(Story(), 7)


@case(27, TICK)
def engine_is_still_asked():
    story = Story()
    refused(story, 3)
    return story.look(False, "on:s")


@case(27, tell="refused", pending="failed")
def flag_that_is_set_anew_is_told_anew():
    story = Story()
    refused(story, 3)
    for _ in range(3):
        story.look(False, "on:t", outcome=shapes.REFUSED)
        answer = story.look(False, "on:t")
        story.later(1800)
    return answer


@case(27, row=31, pending="failed")
def engine_that_cannot_be_asked_refuses_nothing():
    story = Story()
    refused(story, 2)
    story.look(False, "on:s", outcome=shapes.FAILED)
    story.later(1800)
    return refused(story, 2)


@case(27, tell="refused", pending="failed")
def box_went_off_by_nobody_and_the_engine_refuses():
    story = agreed()
    story.looks(2, False, "on:s")
    return refused(story, 3)


@case(27, tell="refused", pending="failed")
def dialog_and_the_engine_refuses():
    story = Story()
    story.look(False, "on:s")
    story.looks(2, False, "on:s", story.edit())
    return refused(story, 3)


@case(27, tell="untick", row=10)
def untick_whose_event_comes_after_the_refusals():
    story = agreed()
    story.looks(2, False, "on:s")
    refused(story, 3)
    return story.look(False, "on:s", story.edit())


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)


def test_retries_come_less_and_less_often():
    story = Story()
    tried = []
    for _ in range(2 * 3600 // story.POLL):
        answer = story.look(True, "never", outcome=shapes.FAILED)
        if answer.act:
            tried.append(answer.act == SET)
    times = [i * story.POLL for i, was_set in enumerate(tried) if was_set]
    waits = [later - time for time, later in zip(times, times[1:])]
    assert waits == [60, 300, 900, 1800, 1800, 1800]


def test_clock_that_goes_back_does_not_hold_a_retry_up():
    story = Story()
    story.look(True, "never", outcome=shapes.FAILED)
    story.now -= 24 * 3600
    assert story.look(True, "never").act == SET


def test_a_change_is_answered_at_once():
    """What failed before was another act."""
    story = agreed()
    story.look(True, "never", outcome=shapes.FAILED)
    story.look(False, "never")
    assert story.look(True, "never").act == SET


def test_a_killed_tick_is_made_again():
    """Its answer was remembered, and the process was killed before the act."""
    story = agreed()
    assert unticked(story, outcome=None).act == TICK
    assert story.look(False, "on").act == TICK


def test_a_tick_that_was_not_tried_is_no_first_one():
    """Box or flag had changed right before it, and are as they were again."""
    story = agreed()
    story.looks(2, False, "on")
    before = story.memory
    assert story.look(False, "on", outcome=None).act == TICK
    story.memory = memory.not_tried(before, story.memory)
    assert story.look(False, "on").act == TICK
    story.look(True, "on")
    # That one was: it is not repeated a second time.
    assert unticked(story).tell == "untick"


def test_a_killed_tick_that_was_made_is_ours():
    story = Story()
    assert story.look(False, "on", outcome=None).act == TICK
    story.look(True, "on")
    assert unticked(story, story.edit()).row == 11
