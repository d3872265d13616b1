# SPDX-License-Identifier: GPL-2.0-or-later
"""What is remembered from look to look is no more than what is needed."""

import pytest

from tests.support.bridge.story import Story, agreed
from vdsm_backup.bridge import edits


def test_what_is_remembered_stays_small():
    story = Story()
    for number in range(300):
        stamp = f"off:{number}"
        five = [story.edit(f"user{i}") for i in range(5)]
        story.looks(2, False, stamp)
        story.look(True, stamp, *five)
        story.look(True, f"on:{number}")
        story.look(True, f"{stamp}.", *five)
    assert len(story.memory.old) <= 20
    assert len(story.memory.on_stamps) <= 20
    assert len(story.memory.edits) <= 50
    assert len(story.memory.told) <= 40


def test_edits_are_forgotten():
    story = agreed()
    story.look(True, "on", *[story.edit() for _ in range(10)])
    assert story.memory.edits == ()
    assert edits.since(story.memory, None) == []


def test_edits_since_a_tick_are_forgotten():
    """When no event of an edit that has met it can come any more."""
    story = Story()
    story.look(False, "on")
    met = story.edit(), story.edit("bridge", ours=True)
    story.looks(2, True, "on", *met)
    assert story.memory.edits == met
    story.looks(2, True, "on", *met)
    assert (story.memory.edits, story.memory.ticked_index) == ((), None)


@pytest.mark.parametrize("box", [True, False])
def test_since_when_a_new_domain_is_so(box):
    """Since it was seen, also if its flag could not be read then."""
    story = Story()
    story.look(box, "on" if not box else "never", outcome=None)
    assert story.memory.since == story.now
    story = Story()
    story.look(box, "unknown", outcome=None)
    first = story.now
    story.look(box, "on" if not box else "never", outcome=None)
    assert story.memory.since == (first if box else story.now)
