# SPDX-License-Identifier: GPL-2.0-or-later
"""
The service looks after the hooks of hosts; and what always fails with one host
or one data center holds up nothing else.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine import USER  # noqa: E402
from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import memory, status  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


@pytest.fixture
def lacking(scene):
    """A host of the data center that has none of our hooks."""
    made = Host("host2", scene.center)
    scene.engine.hosts.append(made)
    return made


def test_host_without_our_hooks_is_told_once(scene, lacking):
    scene.domain(flag=True)
    scene.compare()
    (text,) = scene.told()
    assert text.startswith("Host host2 lacks the hook 99_vdsm_backup of ")
    scene.compare()
    scene.restart()
    scene.compare()
    assert len(scene.told()) == 1
    hosts = {h["name"]: h for h in status.read(scene.directory)["hosts"]}
    assert hosts["host1"]["hook"] == "ok"
    assert hosts["host2"]["hook"] == "missing"
    assert "before_vm_start" in hosts["host2"]["event_names"]


@pytest.mark.parametrize(
    "error",
    [
        errors.EngineUnreachable("url", "502"),
        errors.EngineLogin("url", "the account is locked"),
    ],
)
def test_host_without_our_hooks_is_told_when_the_engine_is_back(
    scene, lacking, error
):
    scene.domain(backup=True, flag=True)
    real = scene.bridge._engine.tell

    def tell(*args):
        raise error

    scene.bridge._engine.tell = tell
    scene.compare()
    scene.polls(2)
    assert scene.told() == []
    assert "Host host2 lacks" not in scene.log()
    scene.bridge._engine.tell = real
    scene.compare()
    scene.compare()
    (text,) = scene.told()
    assert text.startswith("Host host2 lacks the hook")


def test_host_with_another_hook(scene):
    scripts = scene.spm.hooks["before_vm_start"]
    scripts["99_vdsm_backup"] = "0" * 64
    scripts["50_other"] = "1" * 64
    scene.domain(flag=True)
    scene.compare()
    (text,) = scene.told()
    assert "has another hook 99_vdsm_backup of before_vm_start than" in text
    scripts["99_vdsm_backup"] = "2" * 64
    scene.compare()
    assert len(scene.told()) == 2


def test_hosts_are_watched_while_the_spm_is_away(scene, lacking):
    """Flags that cannot be read now count as they were read last."""
    flagged = scene.domain(flag=True)
    scene.compare()
    before = scene.service.status().hosts
    away = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["list"] = away
    scene.compare()
    assert scene.row(flagged).flag == "unknown"
    assert scene.service.status().hosts == before
    assert [host.hook for host in before] == ["ok", "missing"]
    # One that was cleared is no reason any more.
    del scene.hosts.answers["list"]
    scene.write(flagged, flag=False, stamp="cleared")
    scene.compare()
    scene.later(60)
    scene.hosts.answers["list"] = away
    scene.compare()
    assert scene.row(flagged).flag == "unknown"
    assert scene.service.status().hosts == ()


def test_hosts_where_nothing_is_flagged_are_not_asked(scene, lacking):
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    lacking.data_center = other
    scene.domain(flag=True)
    scene.compare()
    asked = [p for p in scene.engine.paths("GET") if p.endswith("/hooks")]
    assert asked and all(scene.spm.id in path for path in asked)
    assert scene.told() == []


@pytest.mark.parametrize("status", ["installing", "pending_approval"])
def test_host_that_is_being_installed(scene, lacking, status):
    lacking.status = status
    scene.domain(flag=True)
    scene.compare()
    assert scene.told() == []


def test_host_that_is_removed_meanwhile(scene, lacking, monkeypatch):
    """After the hosts were listed; the engine has an empty list of hooks."""
    engine = scene.service._engine
    real = engine.hooks

    def hooks(host):
        if lacking in scene.engine.hosts:
            scene.engine.hosts.remove(lacking)
        return real(host)

    monkeypatch.setattr(engine, "hooks", hooks)
    scene.domain(flag=True)
    scene.compare()
    assert lacking not in scene.engine.hosts
    assert scene.told() == []
    assert [host.name for host in scene.service.status().hosts] == ["host1"]


def test_what_is_told_is_harmless_to_show(scene, lacking):
    lacking.name = "ho\N{RIGHT-TO-LEFT OVERRIDE}st"
    scene.domain(flag=True)
    scene.compare()
    assert scene.told()[0].startswith("Host ho\\u202est lacks")


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
        f"The hooks of host host1 fail: {why}"
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
    assert scene.log().count("All hosts can be looked after again") == 1


def test_a_report_of_a_host_that_fails_holds_up_nothing(scene, lacking):
    one = scene.domain(flag=True)
    why = always_fails(scene, "tell", [one.id])
    lines = an_hour(scene)
    assert [line for line in lines if why in line] == [
        f"A report of host host2 fails: {why}"
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
    an_hour(scene)
    del scene.bridge._engine.statuses
    scene.compare()
    assert scene.flag(one) is True


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
