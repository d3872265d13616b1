# SPDX-License-Identifier: GPL-2.0-or-later
"""
Rows 1 to 14 of the table of docs/bridge.md, as far as an engine without hosts
can show them: box, events, ticks and reports are the engine's; what is on
storage is said here. No bridge may look after the domain meanwhile.

What stays in a real engine: the events of the edits, and the reports.
"""

import uuid

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_rows import Bridge  # noqa: E402
from vdsm_backup.bridge import events  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

UNKNOWN = "engine@"


@pytest.fixture
def bridge(tested, domain):
    """Both are off."""
    with Bridge(tested) as made:
        made.polls(2)
        assert made.row == 1
        yield made


@pytest.fixture
def on(tested, domain):
    """A bridge that has seen both on, for longer than an accident takes."""
    tested.edit(backup=True)
    with Bridge(tested, flag=True, stamp=stamp()) as made:
        made.polls(3)
        assert made.row == 2
        yield made


def stamp():
    """Of a flag, which no other run has: so reports are new to the engine."""
    return f"2026-11-30T10:00:00Z {uuid.uuid4()}"


def name(tested):
    return tested.person.user.partition("@")[0]


def test_1_both_off(bridge):
    assert bridge.is_quiet()
    assert (bridge.flag, bridge.ticks()) == (False, 0)


def test_1_off_and_cleared_once(tested, domain):
    with Bridge(tested, stamp=stamp()) as bridge:
        bridge.polls(2)
        assert bridge.row == 1
        assert bridge.is_quiet()


def test_2_both_on(tested, on):
    tested.edit(comment="of a test")
    on.polls(2)
    assert on.row == 2
    assert on.is_quiet()
    assert on.hosts.requests("set") == []


def test_3_tick_is_that_of_its_user(tested, bridge):
    tested.edit(backup=True)
    bridge.polls()
    assert bridge.flag is True
    assert bridge.by.startswith(f"{name(tested)}@")
    assert bridge.is_quiet()
    assert bridge.told() == []


def test_3_tick_without_an_event(tested, bridge):
    tested.dismiss(tested.edit(backup=True))
    bridge.compare()
    assert bridge.flag is True
    assert bridge.by.startswith(UNKNOWN)


def test_4_old_state_is_written_back(tested, domain):
    old = stamp()
    with Bridge(tested, stamp=old) as bridge:
        bridge.polls(2)
        tested.edit(backup=True)
        bridge.polls(3)
        assert bridge.flag is True
        bridge.write(False, old)
        bridge.compare()
        assert bridge.flag is True
        (text,) = bridge.told()
        assert "wrote old metadata back" in text


def test_4_metadata_of_before_the_first_flag(tested, on):
    on.write(False)
    on.compare()
    assert on.flag is True
    (text,) = on.told()
    assert "wrote old metadata back" in text


def test_5_cleared_and_then_written_back(tested, on):
    on.write(False, stamp())
    on.compare()
    on.write(False)
    on.compare()
    assert on.row == 5
    assert on.is_quiet()
    assert (on.flag, len(on.told())) == (False, 1)


def test_5_cleared_while_the_box_is_on(tested, on):
    on.write(False, stamp())
    on.compare()
    assert on.row == 5
    (text,) = on.told()
    assert "was cleared by somebody" in text
    assert on.is_quiet()
    assert (on.flag, tested.box()) == (False, True)


def test_6_ticked_anew_after_a_clear(tested, on):
    on.write(False, stamp())
    on.compare()
    tested.edit(backup=False)
    on.polls(4)
    tested.edit(backup=True)
    on.polls(3)
    assert on.flag is True


def test_7_state_is_lost(tested, on):
    """And again: the engine has each report once."""
    on.write(False, stamp())
    for _ in range(2):
        on.restart(lose_state=True)
        on.polls()
        assert on.row == 7
        on.polls(2)
    assert len(on.told()) == 1
    assert on.flag is False


def test_8_flagged_and_seen_for_the_first_time(tested, domain):
    before = tested.row()
    with Bridge(tested, flag=True, stamp=stamp()) as bridge:
        bridge.polls()
        assert tested.row() == {**before, "backup": "true"}
        assert bridge.ticks() == 1
        assert bridge.is_quiet()
        assert bridge.told() == []


def test_9_untick_without_an_event(tested, on):
    tested.dismiss(tested.edit(backup=False))
    on.compare().polls(2)
    assert tested.box()
    tested.dismiss(tested.edit(backup=False))
    on.compare().polls(4)
    assert not tested.box()
    assert on.ticks() == 1
    assert "unticked" in on.told()[0]
    assert on.flag is True


def test_10_untick(tested, on):
    tested.edit(backup=False)
    on.polls(4)
    assert (on.flag, tested.box()) == (True, False)
    (text,) = on.told()
    assert f"unticked by {name(tested)}@" in text
    assert f"vdsm-backup-domain clear {on.id}" in text
    assert on.is_quiet()


def test_11_stale_dialog(tested, domain):
    opened = tested.row()
    with Bridge(tested, flag=True, stamp=stamp()) as bridge:
        bridge.polls(3)
        assert tested.box()
        tested.edit(**opened)
        bridge.polls(4)
        assert tested.box(), "once"
        assert bridge.told() == []
        tested.edit(**opened)
        bridge.polls(4)
        assert not tested.box()
        assert bridge.ticks() == 2
        assert len(bridge.told()) == 1


def test_12_edit_of_another_bridge(tested, on):
    """As it sends its id, of which the engine keeps a part."""
    sent = f"{events.PREFIX}{uuid.uuid4()}"[:36]
    tested.edit(sent, backup=False)
    on.polls(4)
    assert tested.box()
    assert on.told() == []


def test_13_several_have_edited(tested, on, other):
    tested.edit(backup=False)
    tested.edit(person=other, comment="of a test")
    on.polls(4)
    (text,) = on.told()
    assert "by one of " in text
    for user in (tested.person.user, other.user):
        assert f"{user.partition('@')[0]}@" in text
    assert (on.flag, tested.box()) == (True, False)


@pytest.mark.parametrize("first", ["box", "flag"])
def test_14_off_in_either_order(tested, on, first):
    steps = [
        lambda: tested.edit(backup=False),
        lambda: on.write(False, stamp()),
    ]
    for step in steps if first == "box" else steps[::-1]:
        step()
        on.polls(4).compare()
    assert (on.flag, tested.box()) == (False, False)
    assert on.is_quiet()
