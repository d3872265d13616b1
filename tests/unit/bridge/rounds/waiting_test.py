# SPDX-License-Identifier: GPL-2.0-or-later
"""
What has to wait: looked at less and less often, and told when it begins and
when it is over.
"""

from itertools import zip_longest

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import memory  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

GONE = errors.HostUnreachable("host1.example.com", "no route")


def detached(scene, domain):
    domain.data_center = None
    return "unattached", lambda: setattr(domain, "data_center", scene.center)


def in_maintenance(scene, domain):
    domain.status = "maintenance"
    return "domain is maintenance", lambda: setattr(domain, "status", "active")


def center_is_down(scene, domain):
    scene.center.status = "not_operational"
    works = lambda: setattr(scene.center, "status", "up")  # noqa: E731
    return "data center is not_operational", works


def no_spm(scene, domain):
    scene.spm.spm = "none"
    return "no SPM", lambda: setattr(scene.spm, "spm", "spm")


def is_master(scene, domain):
    domain.master = True
    why = "it is the master domain of its data center"
    return why, lambda: setattr(domain, "master", False)


def host_is_silent(scene, domain):
    scene.hosts.answers[scene.spm.address] = GONE
    return GONE.with_code(), scene.hosts.answers.clear


REASONS = [
    detached,
    in_maintenance,
    center_is_down,
    no_spm,
    is_master,
    host_is_silent,
]


def looks(scene):
    """At domains, since the last call of this."""
    asked = scene.engine.paths("GET")
    scene.engine.requests.clear()
    return len([path for path in asked if path.endswith("/datacenters")])


@pytest.fixture
def seldom(stand_in):
    """A bridge that looks at all domains once a day."""
    with fake_hosts.FakeScene(stand_in, compare=86_400) as made:
        yield made


@pytest.mark.parametrize("reason", REASONS)
def test_it_is_looked_at_less_and_less_often(seldom, reason):
    one = seldom.domain(backup=True)
    reason(seldom, one)
    seldom.polls()
    looks(seldom)
    times, step = [seldom.now()], 35
    for _ in range(3 * 3600 // (step + 5)):
        seldom.later(step).polls()
        times += [seldom.now()] * looks(seldom)
    waits = [round(b - a) for a, b in zip(times, times[1:])]
    assert len(waits) > 5
    longest = memory.RETRIES[-1]
    for wait, least in zip_longest(waits, memory.RETRIES, fillvalue=longest):
        assert least <= wait <= least + 2 * (step + 5)


@pytest.mark.parametrize("reason", REASONS)
def test_beside_the_looks_at_all_there_is_one_more(scene, reason):
    reason(scene, scene.domain(backup=True))
    scene.polls()
    looks(scene)
    polls = int(3 * scene.settings.compare / scene.settings.poll)
    scene.polls(polls)
    assert looks(scene) == 1 + 3


@pytest.mark.parametrize("reason", REASONS)
def test_it_is_told_when_it_begins_and_when_it_is_over(scene, reason):
    one = scene.domain(backup=True)
    why, end = reason(scene, one)
    for _ in range(10):
        scene.later(100).polls()
    name = f"The flag of backups ({one.id}) has to wait"
    lines = scene.log().splitlines()
    assert [x for x in lines if "wait" in x] == [f"{name}: {why}"]
    assert scene.row(one).why == why
    end()
    scene.compare()
    assert scene.flag(one) is True
    for _ in range(10):
        scene.later(100).polls()
    lines = scene.log().splitlines()
    assert [x for x in lines if "wait" in x] == [
        f"{name}: {why}",
        f"{name} no longer",
    ]


def test_another_reason_is_told(scene):
    one = scene.domain(backup=True)
    in_maintenance(scene, one)
    scene.polls()
    detached(scene, one)
    scene.compare()
    waits = [x for x in scene.log().splitlines() if "has to wait" in x]
    assert [x.partition(": ")[2] for x in waits] == [
        "domain is maintenance",
        "unattached",
    ]


def test_a_domain_that_is_locked_waits_on(scene):
    """For a moment, in which nothing is known of it."""
    one = scene.domain(backup=True)
    in_maintenance(scene, one)
    scene.polls()
    for status in ("locked", "maintenance", "locked", "maintenance"):
        one.status = status
        scene.compare()
    assert scene.log().count("has to wait") == 1
    one.status = "active"
    scene.compare()
    assert scene.log().count("has to wait no longer") == 1


def test_how_long_an_old_domain_waits(seldom):
    """By when the flag could not be read any more, not since both agree."""
    one = seldom.domain(backup=True, flag=True)
    seldom.polls()
    seldom.later(86_400).polls()
    host_is_silent(seldom, one)
    seldom.engine.add_event(968, domain=one)
    seldom.polls(2)
    assert seldom.row(one).flag == "unknown"
    looks(seldom)
    seldom.later(memory.RETRIES[0] + 1).polls()
    assert looks(seldom) == 1


def test_a_domain_that_is_gone_waits_no_longer(scene):
    one = scene.domain(backup=True)
    in_maintenance(scene, one)
    scene.polls()
    scene.engine.domains.remove(one)
    scene.compare()
    scene.engine.domains.append(one)
    scene.compare()
    assert f"The engine no longer has backups ({one.id})" in scene.log()
    assert scene.log().count("has to wait: domain is maintenance") == 2


@pytest.mark.parametrize("reason", REASONS)
def test_an_event_about_it_is_no_reason_to_wait(seldom, reason):
    """In the half-hour in which nothing else would look at it."""
    one = seldom.domain(backup=True)
    _, end = reason(seldom, one)
    for _ in range(80):
        seldom.later(100).polls()
    end()
    seldom.polls()
    assert seldom.flag(one) is False
    seldom.engine.add_event(968, domain=one)
    seldom.polls(2)
    assert seldom.flag(one) is True


def test_what_fails_is_over_when_nothing_differs_any_more(scene):
    one = scene.domain(backup=True)
    scene.hosts.answers["set"] = fake_hosts.error(964, "a VM runs")
    for _ in range(2):
        scene.polls(3)
        scene.engine.edit(one, backup=False)
        scene.polls(3)
        scene.engine.edit(one, backup=True)
    over = f"What had failed is needed no more: backups ({one.id})"
    told = [x for x in scene.log().splitlines() if x == over or "VM runs" in x]
    failed = [x for x in told if x != over]
    assert told == [failed[0], over, failed[1], over]


def test_what_fails_is_not_looked_at_before_the_next_try(seldom):
    """A look at it would tell nothing but that it waits."""
    one = seldom.domain(backup=True)
    seldom.hosts.answers["set"] = fake_hosts.error(
        errors.DomainAttached.code, cause=errors.DomainAttached.NO_PLUGIN
    )
    seldom.polls(3)
    before = len(seldom.hosts.asked)
    for _ in range(3600 // 30):
        seldom.later(25).polls()
    # After 1, 5, 15 and 30 minutes.
    tries = seldom.hosts.requests("set")[1:]
    assert len(tries) == 4
    # Each with the look before it and after it, and once more for the act.
    assert len(seldom.hosts.asked) - before <= 4 * 4
    assert "has to wait" not in seldom.log()
    assert seldom.log().count("Not done (failed)") == 1
    assert seldom.row(one).why == "the SPM host has no VDSM plugin"
