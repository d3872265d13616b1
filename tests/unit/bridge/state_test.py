# SPDX-License-Identifier: GPL-2.0-or-later
from tests.support.bridge.story import SD, Story, full_state
from vdsm_backup.bridge import shapes, state
from vdsm_backup.bridge.shapes import Memory
from vdsm_backup.bridge.state import State

OTHER = "11111111-9c47-4b0e-8d1f-3a7b9c0d2e41"


def test_epoch_is_larger_than_any_before():
    assert state.next_epoch(State(), 1_700_000_000.5) == 1_700_000_000
    assert state.next_epoch(State(2_000_000_000), 1.0) == 2_000_000_001


def test_domains_are_at_first_sight_in_a_new_epoch():
    renewed = state.renew(full_state(), 8)
    assert renewed.epoch == 8 and renewed.anchor is None
    story = Story()
    story.memory, story.epoch = renewed.domains[SD], 8
    assert story.look(False, "on").row == 8
    assert story.memory.told == full_state().domains[SD].told


def test_domains_that_are_gone_are_forgotten():
    two = full_state()._replace(
        domains={
            SD: full_state().domains[SD],
            OTHER: Memory(1, flag=shapes.ON),
        }
    )
    assert set(state.forget(two, {OTHER}).domains) == {OTHER}
