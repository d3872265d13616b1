# SPDX-License-Identifier: GPL-2.0-or-later
"""What always fails with one domain, and what becomes of the others."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.failures import (  # noqa: E402
    FULL,
    GONE,
    PROXY,
    full_disk,
    readable,
    tell_fails,
    unticked,
)
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import host_hooks  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_a_domain_whose_report_fails_holds_up_no_other(scene):
    first, second = unticked(scene, 2)
    ends = tell_fails(scene, [first])
    scene.polls(8)
    assert scene.row(second).row == 10
    assert len(scene.told()) == 1
    third = scene.domain(backup=True)
    scene.compare()
    scene.polls(3)
    assert scene.flag(third)
    ends()
    scene.later(300).polls(2)
    assert len(scene.told()) == 2


def test_nor_one_that_has_failed_once(scene):
    first, second = unticked(scene, 2)
    tell_fails(scene, [first], once=[second])
    scene.polls(8)
    assert len(scene.told()) == 1
    assert second.id in scene.told()[0]


def test_nor_two_of_them(scene):
    first, second, third = unticked(scene, 3)
    tell_fails(scene, [first, second], once=[third])
    scene.polls(10)
    assert len(scene.told()) == 1
    assert third.id in scene.told()[0]


def test_what_is_known_of_the_others_is_saved(scene):
    first, second = unticked(scene, 2)
    tell_fails(scene, [first])
    scene.polls(8)
    assert scene.row(second).row == 10
    known = scene.bridge.state.domains[second.id]
    (told,) = known.told
    saved = scene.saved()["domains"][second.id]
    assert (saved["told"], saved["accepted"]) == ([told], True)
    scene.write(second, stamp="T")
    scene.compare()
    scene.engine.edit(second, "bob@ad", backup=True)
    scene.restart()
    scene.polls(3)
    assert scene.hosts.storage[second.id]["by"] == "bob@ad"


def test_an_event_about_one_that_fails_is_there_after_a_restart(scene):
    first, second = unticked(scene, 2)
    scene.bridge._reader.one_of = readable(scene, second.id)
    scene.polls(4)
    # More than are read again.
    for _ in range(300):
        scene.engine.add_event(30)
    scene.polls(4)
    scene.restart()
    scene.polls(5)
    told = "\n".join(scene.told())
    assert f"clear {first.id}" in told and f"clear {second.id}" in told


def test_a_full_disk_does_not_hide_why_a_round_fails(scene):
    first, _ = unticked(scene, 2)
    reader, engine = scene.bridge._reader, scene.bridge._engine
    seen, reader.one_of = reader.one_of, readable(scene, first.id)
    events, ends = engine.events, full_disk(scene)
    answers = [events(400), GONE]

    def events_once(*args):
        answer = answers.pop(0)
        if isinstance(answer, errors.Error):
            raise answer
        return answer

    engine.events = events_once
    scene.polls()
    assert scene.service.status().problem == GONE.with_code()
    assert scene.log().count(FULL.with_code()) == 1
    ends()
    engine.events, reader.one_of = events, seen
    scene.polls()
    assert scene.log().count("The state can be saved again") == 1
    scene.polls(4)
    assert scene.service.status().problem == ""
    assert len(scene.told()) == 2


def test_a_failure_of_the_engine_as_a_whole_keeps_none_waiting(scene):
    """It is there again at the next poll."""
    (one,) = unticked(scene, 1)
    tell_fails(scene, [], once=[one])
    scene.polls(5)
    assert len(scene.told()) == 1


def test_hosts_are_looked_after_meanwhile(scene):
    first, _ = unticked(scene, 2)
    tell_fails(scene, [first])
    scene.polls(8)
    scene.spm.hooks.clear()
    scene.compare()
    (host,) = scene.service.status().hosts
    assert host.hook == host_hooks.MISSING


@pytest.mark.parametrize("error", [GONE, PROXY])
def test_the_others_are_as_quick_as_ever(scene, error):
    """Also where an answer looks like a login that was refused."""
    first, _ = unticked(scene, 2)
    third = scene.domain()
    tell_fails(scene, [first], error=error)
    waits = []
    for _ in range(20):
        scene.later(5)
        waits.append(scene.service.turn())
    assert set(waits) == {scene.settings.poll}
    scene.engine.edit(third, "bob@ad", backup=True)
    scene.polls()
    assert scene.flag(third)


def test_nothing_is_asked_while_the_disk_is_full(scene):
    first, second = unticked(scene, 2)
    ends = full_disk(scene)
    scene.polls(2)
    asked = len(scene.hosts.asked)
    scene.polls(100)
    assert len(scene.hosts.asked) == asked
    assert scene.service.status().problem == FULL.with_code()
    assert scene.service.status().answers is True
    ends()
    scene.polls(4)
    assert len(scene.told()) == 2


def test_ten_that_fail_at_once(scene):
    *most, last = unticked(scene, 11)
    """
    Each call may hang: a few end the round, and what has failed last comes
    last in the next one.
    """
    tell_fails(scene, most)
    scene.polls(3)
    asked = len(scene.hosts.asked)
    scene.polls()
    assert len(scene.hosts.asked) - asked <= 3
    scene.polls(5)
    assert len(scene.told()) == 1
    assert last.id in scene.told()[0]


def test_a_tick_that_always_fails_is_no_word_of_the_engine(scene):
    one = scene.domain(flag=True)
    scene.engine.faults = {f"/storagedomains/{one.id}$": 500}
    scene.polls(3)
    for _ in range(12):
        scene.later(300).polls(2)
        assert scene.service.status().answers is True
    assert "The engine" not in scene.log().replace(
        GONE.with_code()[: GONE.with_code().index("url")], ""
    )
