# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is too rare in the sequences of invariants_test.py: each of these begins
with it, and then the world does as it likes.
"""

import pytest

from tests.support.bridge.world import PERSON
from tests.unit.bridge.invariants_test import (
    SEQUENCES,
    Sequence,
    lost_flags_are_told,
    persons_clear_is_not_undone,
)
from vdsm_backup.bridge import shapes


@pytest.mark.soak
def test_older_metadata_come_back():
    """
    I1: after a clear that a bridge has seen or not, or without one; and the
    engine is restored.
    """
    met = set()
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"older-{number}")
        world = sequence.world
        world.box, world.flag = True, (shapes.ON, "stamp-0")
        sequence.quiet(5)
        if sequence.choices.random() < 0.7:
            world.command_line_clear()
        for _ in range(sequence.choices.randrange(3)):
            sequence.poll()
        if sequence.choices.random() < 0.3:
            world.restore_engine()
        world.old_metadata_back()
        for _ in range(sequence.choices.randrange(3)):
            sequence.poll()
        if sequence.choices.random() < 0.3:
            world.restore_engine()
        sequence.quiet(20)
        met.update(persons_clear_is_not_undone(sequence))
        met.update(lost_flags_are_told(sequence))
    unseen = "set over a clear that nobody has seen"
    assert met == {"set", "not set", unseen, "told"}


@pytest.mark.soak
def test_edit_while_a_bridge_ticks_the_box():
    """It is told, whenever its event comes."""
    ended = 0
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"met-{number}")
        world, bridge = sequence.world, sequence.bridges[0]
        world.box, world.flag = False, (shapes.ON, "stamp-0")
        world.next_poll()
        # Before the box is read, before the flag, and before the act.
        steps = iter([lambda: None, lambda: None, world.rename])
        bridge.poll(lambda steps=steps: next(steps)())
        sequence.quiet(20)
        if world.log[:2] != [(PERSON, "edit"), (bridge.name, "put")]:
            # The engine has refused it.
            continue
        told = world.log.count((bridge.name, "tell overwritten"))
        edits = [e for e in world.events if e.code == 958]
        is_lost = len(edits) < 2
        assert told == (0 if is_lost else 1), sequence.shown()
        ended += not is_lost
    assert ended


@pytest.mark.soak
def test_flag_that_is_set_after_an_untick_was_told():
    """The box is ticked, whatever of that a bridge has seen."""
    ended = 0
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"anew-{number}")
        world = sequence.world
        world.box, world.flag = True, (shapes.ON, "stamp-0")
        sequence.quiet(5)
        world.untick()
        sequence.quiet(5)
        if world.box:
            # Its event was lost, and a bridge has ticked the box again.
            continue
        for step in (world.command_line_clear, world.command_line_set):
            world.readable = sequence.choices.random() < 0.7
            for _ in range(sequence.choices.choice([0, 0, 1, 3])):
                sequence.poll()
            step()
        sequence.quiet(20)
        assert (world.box, world.flag[0]) == (True, shapes.ON)
        ended += 1
    assert ended


@pytest.mark.soak
def test_older_flag_comes_back_after_an_untick_was_told():
    """The box stays off, as the person has left it."""
    ended = 0
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"on-{number}")
        world = sequence.world
        world.box, world.flag = True, (shapes.ON, "older")
        sequence.quiet(5)
        # `set --replace`, with another reason.
        world.flag = (shapes.ON, "newer")
        sequence.quiet(5)
        world.untick()
        sequence.quiet(5)
        if world.box:
            # Its event was lost, and a bridge has ticked the box again.
            continue
        world.readable = sequence.choices.random() < 0.7
        for flag in ("older", "newer"):
            world.flag = (shapes.ON, flag)
            for _ in range(sequence.choices.randrange(4)):
                sequence.poll()
        sequence.quiet(20)
        assert not world.box, sequence.shown()
        ended += 1
    assert ended


@pytest.mark.soak
def test_box_is_unticked_and_ticked_after_a_conflict():
    """As the report says it: the flag is set, whatever a bridge could read."""
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"told-{number}")
        world = sequence.world
        world.box, world.flag = True, (shapes.ON, "stamp-0")
        sequence.quiet(5)
        world.command_line_clear()
        sequence.quiet(3)
        world.untick()
        world.readable = sequence.choices.random() < 0.5
        for _ in range(6):
            sequence.poll()
        world.tick()
        for _ in range(sequence.choices.randrange(4)):
            sequence.poll()
        sequence.quiet(20)
        now = world.box, world.flag[0]
        assert now == (True, shapes.ON), sequence.shown()


@pytest.mark.soak
@pytest.mark.parametrize("first", ["untick", "command_line_clear"])
def test_off_and_off_in_either_order(first):
    """I4"""
    (second,) = {"untick", "command_line_clear"} - {first}
    ended = 0
    for number in range(SEQUENCES // 5):
        sequence = Sequence(f"off-{number}")
        world = sequence.world
        world.box, world.flag = True, (shapes.ON, "stamp-0")
        sequence.quiet(5)
        getattr(world, first)()
        for _ in range(sequence.choices.randrange(5)):
            sequence.poll()
        if first == "untick" and world.box:
            # The event was lost, and a bridge has ticked the box again.
            continue
        getattr(world, second)()
        before = len(world.log)
        sequence.quiet(20, seconds=0)
        assert (world.box, world.flag[0]) == (False, shapes.OFF)
        assert world.log[before:] == [], sequence.shown()
        ended += 1
    assert ended
