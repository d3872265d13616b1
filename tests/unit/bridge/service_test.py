# SPDX-License-Identifier: GPL-2.0-or-later
"""The service: what goes on for long, and what is told of it."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.bridge.engine import PASSWORD, USER  # noqa: E402
from tests.support.bridge.engine_things import DataCenter, Host  # noqa: E402
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import memory, service, status  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_engine_is_gone_for_an_hour(scene):
    one = scene.domain()
    scene.polls()
    scene.engine.faults = {"/api": 503}
    for _ in range(40):
        scene.later(90).polls()
    lines = scene.log().splitlines()
    assert [line for line in lines if "does not answer" in line] == lines
    assert len(lines) == 1
    assert status.read(scene.directory)["engine"]["answers"] is False
    scene.engine.faults = {}
    scene.engine.edit(one, backup=True)
    scene.polls()
    lines = scene.log().splitlines()
    assert lines.count("The engine answers the bridge again") == 1
    assert len(lines) == 3
    assert status.read(scene.directory)["engine"]["answers"] is True
    assert scene.flag(one) is True


def test_one_session_for_long(scene):
    scene.domain(flag=True)
    for _ in range(10):
        scene.polls()
    logins = [p for p in scene.engine.paths("POST") if "token" in p]
    assert len(logins) == 1


def test_login_that_is_refused_is_tried_less_and_less_often(scene):
    with open(scene.settings.password_file, "w") as f:
        f.write("another")
    waits = [scene.service.turn() for _ in range(5)]
    assert waits == [*memory.RETRIES, memory.RETRIES[-1]]
    assert scene.log().count("refuses the bridge") == 1


def test_a_login_that_was_good_begins_the_waits_anew(scene):
    locked_out = {**scene.engine.passwords, USER: "another"}
    good = dict(scene.engine.passwords)
    for _ in range(2):
        scene.engine.passwords.update(locked_out)
        scene.engine.tokens.clear()
        waits = [scene.service.turn() for _ in range(2)]
        assert waits == [*memory.RETRIES[:2]]
        scene.engine.passwords.update(good)
        assert scene.service.turn() == scene.settings.poll


def test_status_stays_young_where_a_round_is_far(scene, monkeypatch):
    """`status` calls an old one that of a bridge which does not run."""
    scene.domain()
    scene.polls()
    scene.engine.passwords[USER] = "another"
    scene.engine.tokens.clear()
    ages, rounds = [], []

    def sleep(seconds):
        scene.later(seconds)
        found = status.read(scene.directory)
        ages.append(status.is_stale(found, scene.now()))

    def turn():
        rounds.append(scene.now())
        if len(rounds) > 5:
            raise EOFError
        return real()

    real = scene.service.turn
    monkeypatch.setattr(scene.service, "turn", turn)
    monkeypatch.setattr(service.time, "sleep", sleep)
    with pytest.raises(EOFError):
        scene.service.run()
    waits = [round(b - a) for a, b in zip(rounds, rounds[1:])]
    assert waits == [*memory.RETRIES, memory.RETRIES[-1]]
    assert len(ages) > 5
    assert not any(ages)


def is_gone(scene):
    scene.engine.faults = {"/storagedomains$": 502}


def is_locked_out(scene):
    scene.engine.passwords[USER] = "another"
    scene.engine.tokens.clear()


def refuses_a_call(scene):
    def domains():
        raise errors.EngineRefused("list the storage domains", 403, "no")

    scene.bridge._engine.domains = domains


WORDS = {
    is_gone: "error 9682: The engine does not answer: ",
    is_locked_out: "error 9683: The engine refuses the bridge: ",
    refuses_a_call: (
        "error 9684: The engine does not list the storage domains (403): no"
    ),
}


@pytest.mark.parametrize("happens", WORDS)
def test_status_says_what_the_engine_does(scene, happens):
    """It does not answer, does not let us in, or refuses one call."""
    scene.domain(backup=True)
    scene.polls(2)
    real = scene.bridge._engine.domains
    happens(scene)
    scene.compare()
    found = status.read(scene.directory)
    assert found["engine"]["why"].startswith(WORDS[happens])
    # One that refuses a call has answered.
    assert found["engine"]["answers"] is (happens == refuses_a_call)
    *_, why, before, _ = status.text(found).splitlines()
    assert why == found["engine"]["why"]
    assert scene.log().splitlines()[-1] == why
    assert before.startswith("What is above")
    scene.engine.passwords[USER] = PASSWORD
    scene.engine.faults = {}
    scene.bridge._engine.domains = real
    scene.compare()
    found = status.read(scene.directory)
    assert found["engine"] == {"answers": True, "why": ""}
    assert scene.log().splitlines()[-1].endswith(" again")


def test_engine_that_is_back_and_refuses_a_call(scene):
    scene.domain()
    is_gone(scene)
    scene.polls()
    scene.engine.faults = {}
    refuses_a_call(scene)
    scene.polls()
    found = status.read(scene.directory)["engine"]
    assert found["answers"] and found["why"].startswith("error 9684: ")
    assert "answers the bridge again" in scene.log()


def test_disk_that_is_full(scene, monkeypatch):
    scene.domain(flag=True)
    file = scene.bridge._file
    real = file.save

    def save(state):
        raise errors.BridgeState("/x", "No space left on device")

    file.save = save
    scene.polls(3)
    assert scene.puts() == 0, "no act that the next bridge would not know of"
    assert scene.log().count("No space left") == 1
    assert scene.log().startswith("error 9680: ")
    file.save = real
    scene.polls(2)
    assert scene.puts() == 1
    assert "all of its work again" in scene.log()


def test_status_is_written_when_something_changes(scene):
    path = os.path.join(scene.directory, status.NAME)
    scene.domain()
    scene.polls(2)
    before = os.stat(path).st_ino
    scene.polls()
    assert os.stat(path).st_ino == before
    scene.later(status.REFRESH).polls()
    assert os.stat(path).st_ino != before


def test_metrics_are_written(stand_in, tmp_path):
    path = tmp_path / "bridge.prom"
    with fake_hosts.FakeScene(stand_in, metrics=str(path)) as scene:
        one = scene.domain(backup=True, stamp="T")
        scene.polls(2)
        drift = f'vdsm_backup_drift{{domain="{one.id}",name="backups"}} 1\n'
        assert drift in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o644


# Hooks of hosts


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
