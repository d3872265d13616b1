# SPDX-License-Identifier: GPL-2.0-or-later
"""The service: what goes on for long, and what is told of it."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.bridge.engine import PASSWORD, USER  # noqa: E402
from tests.support.waiting import SOON  # noqa: E402
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
    # The rounds themselves take time, too.
    waits = [b - a for a, b in zip(rounds, rounds[1:])]
    wanted = [*memory.RETRIES, memory.RETRIES[-1]]
    assert len(waits) == len(wanted)
    assert all(0 <= a - b < SOON for a, b in zip(waits, wanted))
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
    file = scene.bridge._kept._file
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
