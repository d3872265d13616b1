# SPDX-License-Identifier: GPL-2.0-or-later
"""The flag is on, and nobody has unticked the box: it is ticked."""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed
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
