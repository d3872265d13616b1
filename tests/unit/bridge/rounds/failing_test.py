# SPDX-License-Identifier: GPL-2.0-or-later
"""
A call of the engine or a host fails: what was to be done is done later, and
is told once.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import memory  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

# Calls of the engine, and how one can fail.
FAULTS = [
    *(("events$", f) for f in (502, "garbage", "html", "cut", "no type")),
    *((path, 500) for path in ("storagedomains$", "hosts$", "datacenters$")),
    ("storagedomains/[^/]*$", "close"),
    ("datacenters/[^/]*/storagedomains$", "close"),
]


def refuses(scene, cause):
    """Hosts, to set a flag."""
    scene.hosts.answers["set"] = fake_hosts.error(
        errors.DomainAttached.code, cause=cause
    )


def test_edit_is_not_lost_if_the_round_fails(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.engine.edit(one, backup=False)
    scene.engine.faults = {"/storagedomains$": 500}
    scene.polls(3)
    scene.engine.faults = {}
    scene.polls(4)
    assert "unticked by anna@internal" in scene.told()[0]


@pytest.mark.parametrize("where, fault", FAULTS)
def test_any_call_fails_and_later_works(scene, where, fault):
    one = scene.domain()
    scene.polls(2)
    scene.engine.edit(one, backup=True)
    scene.engine.faults = {where: fault}
    scene.polls(3)
    assert scene.flag(one) is False
    scene.engine.faults = {}
    scene.later(60).polls(2)
    assert scene.flag(one) is True
    assert scene.told() == []


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineUnreachable("url", "gone"),
        errors.EngineLogin("url", "the account is locked"),
    ],
)
def test_report_that_could_not_be_made_is_made_later(scene, error):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.engine.edit(one, backup=False)
    real = scene.bridge._engine.tell
    fails(scene, error)
    scene.polls(3)
    assert scene.saved()["domains"][one.id]["told"] == []
    assert scene.log().count(error.with_code()) == 1
    scene.bridge._engine.tell = real
    scene.polls(4)
    (text,) = scene.told()
    assert "unticked by anna@internal" in text
    assert scene.log().count(text) == 1


def fails(scene, error):
    """Each report."""

    def tell(*args):
        raise error

    scene.bridge._engine.tell = tell


def test_report_that_the_engine_refuses_does_not_hold_us_up(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    fails(scene, errors.EngineRefused("add an event", 403, "no permit 1400"))
    scene.engine.edit(one, backup=False)
    scene.polls(5)
    assert scene.log().count("no permit 1400") == 1
    assert "No event in the engine: error 9684: " in scene.log()
    assert scene.log().count("unticked by anna@internal") == 1


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineUnreachable("url", "gone"),
        errors.EngineLogin("url", "the account is locked"),
    ],
)
def test_engine_is_lost_right_before_a_flag_is_set(scene, error):
    """The round ends: nothing else is asked of such an engine."""
    one = scene.domain()
    scene.polls(2)
    scene.engine.edit(one, backup=True)
    back = fails_before_the_act(scene, error, lost=True)
    scene.polls()
    assert scene.flag(one) is False
    assert scene.service.status().problem == error.with_code()
    assert scene.service.status().answers is False
    back()
    scene.later(60).polls(2)
    assert scene.flag(one) is True
    assert scene.hosts.storage[one.id]["by"] == "anna@internal"


def fails_before_the_act(scene, error, lost):
    """
    Once. lost: whether all else fails after that, too, until the engine is
    back by what is returned.
    """
    engine = scene.bridge._engine
    hosts, events, calls = engine.hosts, engine.events, []

    def fails(*args):
        raise error

    def list_hosts():
        calls.append(1)
        # For the look, for the look right before the act, and for the act.
        if len(calls) == 3:
            if lost:
                engine.events = fails
            raise error
        return hosts()

    engine.hosts = list_hosts
    return lambda: setattr(engine, "events", events)


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineUnreachable("url", "500"),
        errors.EngineLogin("url", "403 of a proxy"),
    ],
)
def test_call_fails_right_before_a_flag_is_set(scene, error):
    """The engine is there: no word of it, and the others go on."""
    one, other = sorted(
        [scene.domain(), scene.domain()], key=lambda domain: domain.id
    )
    scene.polls(2)
    scene.engine.edit(one, backup=True)
    scene.engine.edit(other, backup=True)
    fails_before_the_act(scene, error, lost=False)
    scene.polls()
    assert (scene.flag(one), scene.flag(other)) == (False, True)
    assert scene.service.status().answers is True
    assert "answers the bridge again" not in scene.log()
    assert scene.log().count(error.with_code()) == 1, "of the act"
    scene.later(60).polls(2)
    assert scene.flag(one) is True
    assert scene.hosts.storage[one.id]["by"] == "anna@internal"


def test_host_that_does_not_answer_is_left_alone_for_a_while(scene):
    one = scene.domain(backup=True)
    gone = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["host1.example.com"] = gone
    scene.polls()
    for _ in range(5):
        scene.engine.edit(one, comment="x")
        scene.polls()
    assert len(scene.hosts.asked) == 1
    assert "no route" in scene.row(one).why
    scene.later(60).polls()
    assert len(scene.hosts.asked) == 2
    scene.hosts.answers.clear()
    scene.compare()
    assert scene.flag(one) is True
    assert scene.log().count("error 9687: ") == 2, "the host, and the domain"
    assert scene.log().count("answers again") == 1


def test_hosts_of_other_data_centers_are_not_held_up(scene):
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    scene.engine.hosts.append(Host("host2", other, spm="spm"))
    one, two = scene.domain("one", backup=True), scene.domain("two")
    two.backup, two.data_center = True, other
    gone = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["host1.example.com"] = gone
    scene.polls(2)
    assert (scene.flag(one), scene.flag(two)) == (False, True)


def test_failed_set_is_tried_less_and_less_often(scene):
    one = scene.domain(backup=True)
    scene.hosts.answers["set"] = fake_hosts.error(964, "a VM runs")
    tries, step = [], 40
    for _ in range(120):
        before = len(scene.hosts.requests("set"))
        scene.later(step).polls()
        if len(scene.hosts.requests("set")) > before:
            tries.append(scene.now())
    waits = [round(b - a) for a, b in zip(tries, tries[1:])]
    for wait, expected in zip(waits, memory.RETRIES):
        # The round after it is due.
        assert expected <= wait <= expected + 2 * (step + 5)
    assert len(waits) >= 3
    assert scene.log().count("a VM runs") == 1
    assert "failed" in scene.row(one).why
    scene.hosts.answers.clear()
    scene.later(1800).polls()
    assert scene.flag(one) is True
    assert scene.log().count("goes on") == 1


def test_no_plugin_is_told_once_and_tried_again(scene):
    one = scene.domain(backup=True)
    refuses(scene, errors.DomainAttached.NO_PLUGIN)
    scene.polls(3)
    assert (scene.row(one).row, len(scene.told())) == (17, 1)
    assert "no VDSM plugin" in scene.row(one).why
    scene.later(70).polls(3)
    assert len(scene.hosts.requests("set")) == 2
    assert len(scene.told()) == 1
    scene.hosts.answers.clear()
    scene.later(400).polls(2)
    assert scene.flag(one) is True


def test_domain_of_another_pool_is_told_once(scene):
    one = scene.domain(backup=True)
    refuses(scene, errors.DomainAttached.OTHER_POOL)
    scene.polls(3)
    assert scene.row(one).row == 18
    scene.later(2000).polls(3)
    assert len(scene.told()) == 1


def test_tick_without_an_answer(scene):
    one = scene.domain(flag=True)
    real = scene.bridge._engine.tick

    def tick(*args):
        scene.bridge._engine.tick = real
        real(*args)
        raise errors.EngineUnreachable("url", "no answer")

    scene.bridge._engine.tick = tick
    scene.polls(4)
    assert one.backup
    assert scene.puts() == 1


def test_a_clock_that_goes_back_by_a_day(scene):
    one = scene.domain(backup=True)
    refuses(scene, errors.DomainAttached.NO_PLUGIN)
    scene.polls(3)
    assert scene.row(one).row == 17
    scene.hosts.answers.clear()
    scene.later(-86400)
    scene.polls(3)
    assert scene.flag(one)
