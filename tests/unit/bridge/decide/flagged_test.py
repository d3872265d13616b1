# SPDX-License-Identifier: GPL-2.0-or-later
"""The flag is on, and nobody has unticked the box: it is ticked."""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import TICK

CASES = Cases()
case = CASES.case


@case(8, TICK)
def import_():
    return Story().look(False, "on")


@case(8, TICK)
def restored_engine_without_the_tick():
    story = agreed()
    story.epoch += 1
    return story.look(False, "on", story.edit())


@case(2, tell="overwritten")
def edit_while_the_bridge_ticks():
    story = Story()
    assert story.look(False, "on").act == TICK
    edits = story.edit("anna"), story.edit("bridge", ours=True)
    answer = story.look(True, "on", *edits)
    assert answer.users == ("anna",)
    assert answer.about == f"{edits[0].number}:{edits[0].time}"
    return answer


@case(2, tell="overwritten")
def another_edit_that_has_met_the_tick_comes_late():
    story = Story()
    story.look(False, "on")
    edits = story.edit("anna"), story.edit("bob")
    ours = story.edit("bridge", ours=True)
    assert story.look(True, "on", edits[0], ours).tell == "overwritten"
    answer = story.look(True, "on", *edits, ours)
    assert answer.about == f"{edits[1].number}:{edits[1].time}"
    return answer


@case(2)
def edit_while_the_bridge_ticks_is_told_once():
    story = Story()
    story.look(False, "on")
    edits = story.edit(), story.edit("bridge", ours=True)
    story.look(True, "on", *edits)
    return story.look(True, "on", *edits)


@case(2, tell="overwritten")
def its_event_comes_after_that_of_the_tick():
    story = Story()
    story.look(False, "on")
    edit, ours = story.edit(), story.edit("bridge", ours=True)
    assert story.look(True, "on", ours).tell == ""
    return story.look(True, "on", edit, ours)


@case(2, tell="overwritten")
def event_of_the_tick_comes_later():
    story = Story()
    story.look(False, "on")
    edit, ours = story.edit(), story.edit("bridge", ours=True)
    assert story.look(True, "on", edit).tell == ""
    return story.look(True, "on", ours)


@case(2, tell="overwritten")
def edit_and_a_tick_that_nobody_has_answered():
    story = Story()
    story.look(False, "on", outcome=shapes.UNSURE)
    edit, ours = story.edit(), story.edit("bridge", ours=True)
    story.look(False, "on", edit)
    return story.look(True, "on", ours)


@case(2, tell="overwritten")
def edit_after_an_import_right_before_the_tick():
    """The import is known after the tick, or after the look after it."""
    story = Story()
    story.looks(2, False, "off:s")
    story.look(False, "on")
    story.index += 1
    imported = story.index
    edits = story.edit("anna"), story.edit("bridge", ours=True)
    story.look(True, "on")
    return story.look(True, "on", *edits, imported=imported)


@case(2)
def edit_before_the_look_or_after_the_tick():
    story = Story()
    before = story.edit()
    story.look(False, "on", before)
    ours, after = story.edit("bridge", ours=True), story.edit()
    return story.looks(5, True, "on", before, ours, after)[-1]


@case(2)
def edit_between_the_ticks_of_two_bridges():
    """The other one has ticked again what this edit has undone."""
    story = Story()
    story.look(False, "on")
    ours = story.edit("bridge", ours=True)
    undone, again = story.edit(), story.edit("bridge", ours=True)
    return story.looks(2, True, "on", ours, undone, again)[-1]


@case(2)
def edit_and_a_tick_that_the_engine_refuses():
    story = Story()
    story.look(False, "on", outcome=shapes.REFUSED)
    edits = story.edit(), story.edit("bridge", ours=True)
    return story.look(True, "on", *edits)


@case(31, TICK)
def set_by_the_command_line():
    story = Story()
    story.looks(3, False, "never")
    return story.look(False, "on")


@case(32, TICK, row=8)
def imported_again():
    story = agreed()
    return story.look(False, "on", imported=story.index)


@case(32, row=9)
def import_whose_event_is_late():
    """It is the import that the first look has seen."""
    story = Story()
    story.look(False, "on", imported=0)
    return story.look(False, "on", imported=story.index)


@case(33, TICK, "replica")
def replica():
    return Story().look(False, "on", replica=True)


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)
