# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is in the way of an answer: the flag or the box is not known, or the
host, the data center or the kind of the domain allows no change.
"""

import pytest

from tests.support.bridge.cases import Cases
from tests.support.bridge.story import Story, agreed, unticked, written_back
from vdsm_backup.bridge import shapes
from vdsm_backup.bridge.shapes import NOTHING, SET, TICK

CASES = Cases()
case = CASES.case


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


@case(17, pending="no-plugin")
def no_plugin_is_told_once_if_the_flag_is_unknown_then():
    story = Story().always(obstacle="no-plugin")
    story.look(True, "never")
    return story.later(60).look(True, "unknown")


@case(17, pending="no-plugin")
def no_plugin_is_told_once_if_the_flag_is_known_then():
    story = Story().always(obstacle="no-plugin")
    story.look(True, "unknown")
    return story.later(60).look(True, "never")


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


@case(25, pending="master")
def master():
    return Story().look(True, "never", is_master=True)


@case(25, pending="master")
def master_is_written_back():
    return written_back().look(True, "off:s", is_master=True)


@case(25, pending="master")
def master_is_written_back_to_never():
    return agreed().look(True, "never", is_master=True)


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


@pytest.mark.parametrize("name", CASES.found)
def test_row(name):
    CASES.check(name)


def test_no_answer_while_the_box_is_not_known():
    story = agreed()
    before = story.memory
    answer = story.look(None, "on")
    assert answer.act == NOTHING
    assert story.memory == before
