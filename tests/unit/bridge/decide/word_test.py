# SPDX-License-Identifier: GPL-2.0-or-later
"""
The word in the comment: an untick that comes with it clears the flag, where
the policy says so, and the untick is one person's alone.
"""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import agreed, unticked
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import CLEAR, NOTHING, SET

CASES = Cases()
case = CASES.case

WORD = shapes.Policy(on_untick_clear=True)


@case(10, CLEAR)
def untick_with_the_word():
    story = agreed(WORD, comment="copies")
    comment = "clear backup no longer needed"
    return unticked(story, story.edit(), comment=comment)


@case(10, tell="untick")
def word_that_was_there_before():
    story = agreed(WORD, comment="clear backup, they said")
    comment = "clear backup for other reasons"
    return unticked(story, story.edit(), comment=comment)


@case(10, tell="untick")
def word_elsewhere_in_the_comment():
    story = agreed(WORD)
    return unticked(story, story.edit(), comment="do not clear backup")


@case(10, tell="untick")
def word_and_the_policy_is_to_report():
    story = agreed()
    return unticked(story, story.edit(), comment="clear backup now")


@case(10, tell="untick")
def host_allows_no_clear():
    story = agreed(WORD)
    edit = story.edit()
    more = {"comment": "clear backup now", "outcome": shapes.NOT_ALLOWED}
    assert unticked(story, edit, **more).act == CLEAR
    return story.look(False, "on", comment="clear backup now")


@case(10, tell="untick")
def word_and_two_edits():
    """Only one of them can be the one that has unticked the box."""
    story = agreed(WORD)
    edits = story.edit("anna"), story.edit("anna")
    return unticked(story, *edits, comment="clear backup now")


@case(10, tell="untick")
def word_that_comes_after_the_untick():
    story = agreed(WORD)
    story.look(False, "on")
    return story.looks(2, False, "on", story.edit(), comment="clear backup")[1]


@case(10, tell="untick")
def word_that_comes_with_another_reason_of_the_flag():
    story = agreed(WORD)
    story.look(False, "on:s")
    more = {"comment": "clear backup"}
    return story.looks(3, False, "on:t", story.edit(), **more)[-1]


@case(10, tell="untick")
def word_of_an_earlier_untick():
    """The box was on in between, while the flag could not be read."""
    story = agreed(WORD)
    story.look(False, "on", story.edit(), comment="clear backup now")
    story.look(True, "unknown", story.edit(), comment="copies")
    story.look(False, "unknown", story.edit(), comment="copies")
    return story.looks(2, False, "on", comment="copies")[-1]


@case(10, CLEAR)
def clear_that_failed_is_tried_again():
    story = agreed(WORD)
    edit = story.edit()
    more = {"comment": "clear backup now"}
    first = unticked(story, edit, outcome=shapes.FAILED, **more)
    assert first.act == CLEAR
    waiting = story.look(False, "on", **more)
    assert (waiting.act, waiting.pending) == (NOTHING, "failed")
    story.later(60)
    return story.look(False, "on", **more)


@case(13, tell="untick")
def edits_by_several():
    story = agreed(WORD)
    edits = story.edit("anna"), story.edit("bob")
    answer = unticked(story, *edits, comment="clear backup now")
    assert answer.users == ("anna", "bob")
    return answer


@case(19, SET, row=6)
def tick_while_we_clear():
    story = agreed(WORD)
    more = {"comment": "clear backup now"}
    assert unticked(story, story.edit(), **more).act == CLEAR
    return story.look(True, "off:written", story.edit(), **more)


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)
