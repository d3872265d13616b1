# SPDX-License-Identifier: GPL-2.0-or-later
"""
Every row of the table by its number: what was seen before, and the answer.
"""

import os
import re

import pytest

from tests import ROOT
from tests.support.bridge.story import Story
from vdsm_backup.bridge import decide, memory, shapes
from vdsm_backup.bridge.shapes import CLEAR, NOTHING, SET, TICK

# The rows that decide.py knows nothing of: what the bridge does around it.
# Row 30 is about what is never compared, row 29 about a bridge that was down,
# rows 22 and 24 about two bridges, and about a domain that has moved.
AROUND = {22, 24, 29, 30}

CASES = {}


def case(number, act=NOTHING, tell="", pending="", row=None):
    """A story that ends with a look, whose answer is this."""

    def register(function):
        name = f"{number}-{function.__name__.strip('_')}"
        assert name not in CASES
        CASES[name] = function, row or number, act, tell, pending
        return function

    return register


def agreed(policy=None, **more):
    """A story in which both were on for a while."""
    story = Story(policy)
    story.looks(3, True, "on", **more)
    return story


def unticked(story, *edits, flag="on", **more):
    """The look at which the untick is judged."""
    return story.looks(3, False, flag, *edits, **more)[-1]


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


def written_back():
    story = Story()
    story.look(False, "off:s")
    story.look(True, "off:s", story.edit())
    story.looks(3, True, "on")
    return story


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


@case(6, SET)
def ticked_after_the_clear():
    story = agreed()
    story.look(True, "off:s")
    story.looks(2, False, "off:s", story.edit())
    return story.look(True, "off:s", story.edit())


@case(6, SET)
def ticked_and_the_event_is_lost():
    story = Story()
    story.looks(2, False, "off:s")
    first, second, third = story.looks(3, True, "off:s")
    assert (first.act, second.act) == (NOTHING, NOTHING)
    assert first.pending == second.pending == "event"
    return third


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


@case(8, TICK)
def import_():
    return Story().look(False, "on")


@case(8, TICK)
def restored_engine_without_the_tick():
    story = agreed()
    story.epoch += 1
    return story.look(False, "on", story.edit())


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


@case(12, TICK)
def edit_by_a_bridge():
    story = agreed()
    return unticked(story, story.edit("bridge", ours=True))


@case(13, tell="untick")
def edits_by_several():
    story = agreed(WORD)
    edits = story.edit("anna"), story.edit("bob")
    answer = unticked(story, *edits, comment="clear backup now")
    assert answer.users == ("anna", "bob")
    return answer


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


@case(15, pending="unknown")
def unknown():
    return agreed().look(True, "unknown")


@case(15, tell="unknown", pending="unknown")
def unknown_for_long():
    story = agreed()
    story.look(True, "unknown")
    story.later(900)
    return story.look(True, "unknown")


@case(15, pending="unknown")
def unknown_is_told_once():
    story = agreed()
    story.look(True, "unknown")
    story.later(900)
    story.look(True, "unknown")
    return story.later(900).look(True, "unknown")


@case(16)
def unknown_and_box_off():
    story = agreed()
    return unticked(story, story.edit(), flag="unknown")


@case(16, tell="untick", row=10)
def known_again():
    story = agreed()
    edit = story.edit()
    unticked(story, edit, flag="unknown")
    return story.looks(2, False, "on")[-1]


@case(17, pending="unattached")
def unattached():
    return Story().look(True, "never", obstacle="unattached")


@case(17, tell="no-plugin", pending="no-plugin")
def no_plugin():
    return Story().look(True, "never", obstacle="no-plugin")


@case(17, pending="no-plugin")
def no_plugin_is_told_once():
    story = Story().always(obstacle="no-plugin")
    return story.looks(5, True, "never")[-1]


@case(17, SET, row=3)
def attached_at_last():
    story = Story()
    story.look(True, "never", obstacle="unattached")
    return story.look(True, "never")


@case(18, tell="foreign")
def other_data_center():
    return Story().look(True, "on", foreign=True)


@case(18)
def other_data_center_is_told_once():
    story = Story().always(foreign=True)
    return story.looks(3, True, "never")[-1]


@case(19, SET, row=6)
def tick_while_we_clear():
    story = agreed(WORD)
    more = {"comment": "clear backup now"}
    assert unticked(story, story.edit(), **more).act == CLEAR
    return story.look(True, "off:written", story.edit(), **more)


@case(20, tell="untick", row=10)
def untick_while_we_set():
    story = Story()
    story.look(False, "never")
    assert story.look(True, "never", story.edit()).act == SET
    return unticked(story, story.edit())


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


@case(25, pending="master")
def master():
    return Story().look(True, "never", is_master=True)


@case(25, pending="master")
def master_is_written_back():
    return written_back().look(True, "off:s", is_master=True)


@case(25, pending="master")
def master_is_ticked():
    story = Story()
    story.looks(2, False, "off:s")
    return story.look(True, "off:s", story.edit(), is_master=True)


@case(25, SET, row=3)
def master_no_longer():
    story = Story()
    story.look(True, "never", is_master=True)
    return story.look(True, "never")


@case(26, TICK, "master")
def flagged_master():
    return Story().look(False, "on", is_master=True)


@case(26, TICK, "master")
def flagged_master_and_nobody_unticked():
    return unticked(agreed(), is_master=True)


@case(26, TICK, "master")
def flagged_master_and_a_dialog():
    story = Story()
    story.look(False, "on")
    return unticked(story, story.edit(), is_master=True)


@case(27, tell="hosted-engine", pending="hosted-engine")
def hosted_engine():
    story = Story()
    story.look(True, "never", outcome=shapes.HOSTED_ENGINE)
    return story.look(True, "never")


@case(27, SET, row=3)
def hosted_engine_is_asked_again_after_a_new_tick():
    story = Story()
    story.look(True, "never", outcome=shapes.HOSTED_ENGINE)
    story.look(True, "never")
    story.look(False, "never")
    return story.look(True, "never")


@case(28, tell="type")
def iso():
    return Story().look(True, "never", is_data=False)


@case(28)
def iso_with_the_box_off():
    return Story().look(False, "on", is_data=False)


@case(31, TICK)
def set_by_the_command_line():
    story = Story()
    story.looks(3, False, "never")
    return story.look(False, "on")


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


@pytest.mark.parametrize("name", CASES)
def test_row(name):
    story, row, act, tell, pending = CASES[name]
    answer = story()
    assert answer[:3] + answer[4:5] == (row, act, tell, pending)


def test_the_table_is_in_the_documents():
    with open(os.path.join(ROOT, "docs", "bridge.md")) as f:
        numbers = re.findall(r"^\| (\d+) \|", f.read(), re.M)
    assert numbers == [str(number) for number in range(1, 34)]


def test_every_row_is_here():
    told = {int(name.partition("-")[0]) for name in CASES}
    assert told | AROUND == set(range(1, 34))
    met = {row for _, row, _, _, _ in CASES.values()}
    assert {row.number for row in decide.TABLE} <= met


def test_every_row_of_the_table_is_met(monkeypatch):
    """Also of several rows with one number each one."""
    met = set()
    row_of = decide._row

    def spy(look, facts):
        row = row_of(look, facts)
        met.add(row)
        return row

    monkeypatch.setattr(decide, "_row", spy)
    for story, *_ in CASES.values():
        story()
    assert [row for row in decide.TABLE if row not in met] == []


def test_facts_that_rows_name_are_known():
    known = set()
    for line in decide.__doc__.partition("Facts:")[2].splitlines():
        if line.startswith("    ") and line[4:5].strip():
            known.add(line.split()[0])
    named = {
        name
        for row in decide.TABLE
        for name in (row.needs + " " + row.lacks).split()
    }
    assert named == known


def test_no_answer_while_the_box_is_not_known():
    story = agreed()
    before = story.memory
    answer = story.look(None, "on")
    assert answer.act == NOTHING
    assert story.memory == before


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


def test_flag_that_is_replaced_is_the_same_for_the_box():
    """`set --replace` gives the flag that is on another stamp."""
    story = Story()
    story.looks(3, True, "on:s")
    story.look(True, "on:t")
    assert unticked(story, story.edit(), flag="on:u").row == 10


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


def test_a_killed_tick_that_was_made_is_ours():
    story = Story()
    assert story.look(False, "on", outcome=None).act == TICK
    story.look(True, "on")
    assert unticked(story, story.edit()).row == 11


def test_what_is_remembered_stays_small():
    story = Story()
    for number in range(300):
        stamp = f"off:{number}"
        edits = [story.edit(f"user{i}") for i in range(5)]
        story.looks(2, False, stamp)
        story.look(True, stamp, *edits)
        story.look(True, "on")
        story.look(True, f"{stamp}.", *edits)
    assert len(story.memory.old) <= 20
    assert len(story.memory.edits) <= 50
    assert len(story.memory.told) <= 40


def test_edits_are_forgotten():
    story = agreed()
    story.look(True, "on", *[story.edit() for _ in range(10)])
    assert story.memory.edits == ()
    assert memory.edits_since(story.memory, None) == []
