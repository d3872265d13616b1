# SPDX-License-Identifier: GPL-2.0-or-later
"""
What always fails with one host, one data center or one domain holds up
nothing else, and is named; and a round that takes long.
"""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine import USER  # noqa: E402
from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import memory, status  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def always_fails(scene, name, sd_ids=None):
    """A method of the engine, for these first arguments."""
    engine = scene.bridge._engine
    real, gone = getattr(engine, name), errors.EngineUnreachable("url", "500")

    def fails(first, *args):
        if sd_ids is None or first in sd_ids:
            raise gone
        return real(first, *args)

    setattr(engine, name, fails)
    return gone.with_code()


def an_hour(scene):
    for _ in range(12):
        scene.compare()
    lines = scene.log().splitlines()
    assert not [line for line in lines if line.startswith("The engine")]
    return lines


def test_a_host_whose_hooks_fail_holds_up_no_other(scene, lacking):
    scene.domain(flag=True)
    why = always_fails(scene, "hooks", [scene.spm.id])
    lines = an_hour(scene)
    assert [line for line in lines if why in line] == [
        f"The hooks of host host1 cannot be looked after: {why}"
    ]
    assert len(scene.told()) == 1
    found = scene.service.status()
    assert (found.answers, why in found.problem) == (True, True)
    assert [host.name for host in found.hosts] == ["host2"]


def test_hooks_that_cannot_be_asked_for_are_as_before(scene, lacking):
    scene.domain(flag=True)
    scene.compare()
    before = scene.service.status().hosts
    always_fails(scene, "hooks")
    an_hour(scene)
    assert scene.service.status().hosts == before
    del scene.bridge._engine.hooks
    scene.compare()
    assert scene.service.status().problem == ""
    assert scene.log().count("can be looked after again") == 2


def test_a_report_of_a_host_that_fails_holds_up_nothing(scene, lacking):
    one = scene.domain(flag=True)
    why = always_fails(scene, "tell", [one.id])
    lines = an_hour(scene)
    assert [line for line in lines if why in line] == [
        f"The hooks of host host2 cannot be looked after: {why}"
    ]
    assert scene.service.status().answers is True
    del scene.bridge._engine.tell
    scene.compare()
    assert len(scene.told()) == 1
    assert scene.service.status().problem == ""


def test_a_data_center_whose_statuses_fail_holds_up_no_other(scene):
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    scene.engine.hosts.append(Host("host2", other, spm="spm"))
    one, two = scene.domain("one", backup=True), scene.domain("two")
    two.backup, two.data_center = True, other
    why = always_fails(scene, "statuses", [scene.center.id])
    scene.compare()
    assert (scene.flag(one), scene.flag(two)) == (False, True)
    assert scene.row(one).why == why
    problem = f"Data center Default cannot be looked after: {why}"
    assert scene.service.status().problem == problem
    assert an_hour(scene).count(problem) == 1
    assert not scene.service.is_complete
    del scene.bridge._engine.statuses
    scene.compare()
    assert scene.flag(one) is True
    assert scene.log().count("Data center Default can be looked after") == 1
    assert scene.service.is_complete


def test_waits_for_a_login_begin_anew_also_while_a_domain_fails(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    always_fails(scene, "tell", [one.id])
    scene.engine.edit(one, backup=False)
    scene.polls(5)
    for _ in range(2):
        good = dict(scene.engine.passwords)
        scene.engine.passwords.update({**good, USER: "another"})
        scene.engine.tokens.clear()
        assert scene.service.turn() == memory.RETRIES[0]
        scene.engine.passwords.update(good)
        scene.polls(2)
    assert scene.bridge.agenda.failing.error(one.id) is not None


def test_when_the_engine_answered_last(scene):
    scene.domain()
    scene.polls()
    answered = scene.service.status().looked
    assert answered == pytest.approx(scene.now(), abs=60)
    scene.engine.faults = {"/api": 503}
    for _ in range(4):
        scene.later(90).polls()
    assert scene.service.status().looked == answered
    scene.engine.faults = {}
    scene.polls()
    assert scene.service.status().looked > answered + 300


def test_several_hosts_that_fail_are_named(scene, lacking):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    always_fails(scene, "hooks")
    always_fails(scene, "tell", [one.id])
    scene.engine.edit(one, backup=False)
    scene.polls(5)
    scene.compare()
    problem = scene.service.status().problem
    assert "Looks at backups fail: " in problem
    assert "The hooks of host1, host2 cannot be looked after: " in problem
    del scene.bridge._engine.hooks
    scene.compare()
    assert scene.log().count("host1 can be looked after again") == 1


def test_hosts_whose_hooks_hang_hold_up_a_look_for_three_of_them(scene):
    hosts = [Host(f"h{n}", scene.center) for n in range(9)]
    scene.engine.hosts.extend(hosts)
    scene.domain(flag=True)
    always_fails(scene, "hooks", [host.id for host in hosts[:6]])
    asked = []
    real = scene.bridge._engine.hooks
    scene.bridge._engine.hooks = lambda host: asked.append(host) or real(host)
    for _ in range(3):
        asked.clear()
        scene.compare()
        assert len({h.id for h in hosts[:6]}.intersection(asked)) <= 3
    found = {host.name for host in scene.service.status().hosts}
    assert found == {"host1", "h6", "h7", "h8"}, "in spite of the others"


def test_a_bridge_that_has_never_been_let_in(scene):
    os.remove(scene.settings.password_file)
    assert scene.service.status().answers is False
    scene.polls()
    assert scene.service.status().answers is False
    assert "error 9690" in scene.service.status().problem


def test_a_host_that_does_not_answer_is_no_complete_look(scene):
    scene.domain(flag=True)
    scene.polls()
    assert scene.service.is_complete
    gone = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["host1.example.com"] = gone
    scene.compare()
    assert not scene.service.is_complete
    scene.engine.hosts.remove(scene.spm)
    scene.compare()
    assert "is silent is gone" in scene.log()


def test_a_status_stays_young_in_a_long_round(scene):
    for _ in range(3):
        scene.domain(flag=True)
    scene.polls()
    ages = []
    real = scene.bridge._reader.one_of

    def one_of(*args):
        found = status.read(scene.directory)
        ages.append(status.is_stale(found, scene.now()))
        scene.later(500)
        return real(*args)

    scene.bridge._reader.one_of = one_of
    for domain in scene.engine.domains:
        scene.engine.edit(domain, comment="x")
    scene.polls()
    assert ages == [False] * 3
