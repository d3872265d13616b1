# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a real daemon does not do when we want it to: see integration/lease_test
for the rest.
"""

import errno
import os

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from vdsm_backup import errors, lease, lockspace, membership
from vdsm_backup.lockspace import Host, Joined
from vdsm_backup.membership import Membership
from vdsm_backup.record import Record

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
IDS = "/some/where/ids"
TIMEOUT = 20


def sanlock_error(code):
    return sanlock.SanlockException(code, "what", "why")


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self, monkeypatch):
        self.now = 0
        monkeypatch.setattr(membership.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(membership.time, "sleep", self.sleep)

    def sleep(self, seconds):
        assert self.now < 1000, "waits for ever"
        self.now += seconds


class Watch:
    def __init__(self, clock):
        self._clock = clock
        self.told = []

    def step(self, text):
        self.tell({"progress": text})

    def tell(self, message):
        self.told.append(message)

    def pause(self, seconds, late=None):
        self._clock.sleep(seconds)
        if self._clock.now >= TIMEOUT:
            raise late or errors.LeaseTimeout(SD, "20", "step")

    def run(self, call, late=None, abort=None):
        return call()


class Dump:
    returncode = 0

    def __init__(self, text):
        self._text = text

    def communicate(self):
        return self._text, None

    def kill(self):
        pass


class Space:
    """Answers by script: what is there last stays."""

    def __init__(self):
        self.answers = {
            "daemon_runs": [True],
            "joined": [None],
            "hosts": [{250: Host(sanlock.HOST_LIVE, 1)}],
            "join": [None],
            "leave": [None],
            "slots": [lockspace.Slot()],
        }
        self.calls = []

    def script(self, call, *answers):
        self.answers[call] = list(answers)

    def io_timeout(self):
        return 1

    def daemon_runs(self):
        return self._next("daemon_runs")

    def joined(self):
        return self._next("joined")

    def hosts(self):
        return self._next("hosts")

    def join(self, host_id, io_timeout):
        self.calls.append(("join", host_id))
        self._next("join")

    def leave(self, host_id):
        self.calls.append(("leave", host_id))
        self._next("leave")

    def start_dump(self, user):
        return Dump("")

    def slot(self, dump, host_id):
        return self._next("slots")

    def _next(self, call):
        answers = self.answers[call]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Scene:
    def __init__(self, run_dir, monkeypatch):
        self.clock = Clock(monkeypatch)
        self.watch = Watch(self.clock)
        self.space = Space()
        self._request = lease.Request(
            SD, IDS, "", 0, 0, 512, 250, TIMEOUT, run_dir, True
        )
        self.run_dir = run_dir

    def member(self, lock=True):
        member = Membership(self._request, self.space, self.watch)
        if lock:
            member.lock()
        return member

    def has_record(self):
        return f"{SD}.json" in os.listdir(self.run_dir)


@pytest.fixture
def scene(tmp_path, monkeypatch):
    return Scene(str(tmp_path), monkeypatch)


# Alone


def hosts(**states):
    found = {250: Host(sanlock.HOST_LIVE, 1)}
    for name, state in states.items():
        value = getattr(sanlock, f"HOST_{state}")
        found[int(name.strip("h"))] = Host(value, 1)
    return found


@pytest.fixture
def member(scene):
    member = scene.member()
    member.join()
    return member


@pytest.mark.parametrize("state", ["FREE", "DEAD"])
def test_alone_among_the_gone(scene, member, state):
    scene.space.script("hosts", hosts(h3=state))
    member.require_alone()
    assert scene.clock.now == 0


@pytest.mark.parametrize("before", ["UNKNOWN", "FAIL"])
def test_alone_when_the_others_turn_out_dead(scene, member, before):
    scene.space.script("hosts", *[hosts(h3=before)] * 5, hosts(h3="DEAD"))
    member.require_alone()
    assert scene.clock.now > 0


@pytest.mark.parametrize("before", ["UNKNOWN", "FAIL"])
def test_not_alone_when_one_turns_out_live(scene, member, before):
    first, then = hosts(h3=before, h4=before), hosts(h3=before, h4="LIVE")
    scene.space.script("hosts", first, then)
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "4"
    assert scene.clock.now < TIMEOUT


@pytest.mark.parametrize("state", ["UNKNOWN", "FAIL"])
def test_not_alone_when_time_is_over(scene, member, state):
    scene.space.script("hosts", hosts(h4=state, h10=state, h3=state))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "3, 4, 10"
    assert scene.clock.now >= TIMEOUT


def test_not_alone_before_sanlock_has_looked(scene, member):
    scene.space.script("hosts", None)
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "not known yet"


def test_alone_after_sanlock_has_looked(scene, member):
    scene.space.script("hosts", None, None, hosts())
    member.require_alone()


# Joining


@pytest.mark.parametrize("code", lockspace.JOINED_ALREADY)
def test_somebody_of_this_host_was_faster(scene, code):
    scene.space.script("joined", None, Joined(250, IDS, False))
    scene.space.script("join", sanlock_error(code))
    member = scene.member()
    member.join()
    assert member.host_id == 250
    assert not scene.has_record()
    member.leave()
    assert scene.space.calls == [("join", 250)]


def test_somebody_was_faster_by_another_id(scene):
    busy = Joined(7, IDS, True)
    scene.space.script("joined", None, busy, busy, Joined(7, IDS, False))
    scene.space.script("join", sanlock_error(errno.EINVAL))
    member = scene.member()
    member.join()
    assert member.host_id == 7


def test_join_that_never_works_is_told(scene):
    scene.space.script("join", sanlock_error(errno.EINVAL))
    member = scene.member()
    with pytest.raises(errors.SanlockFailed) as e:
        member.join()
    assert str(errno.EINVAL) in e.value.reason
    assert not scene.has_record()


def test_failed_join_is_not_tried_again(scene):
    scene.space.script("join", sanlock_error(-202))
    member = scene.member()
    with pytest.raises(errors.SanlockFailed):
        member.join()
    assert scene.space.calls == [("join", 250)]
    assert not scene.has_record()


def test_host_id_that_was_taken_while_we_joined(scene):
    taken = lockspace.Slot("host2", 5, 1)
    scene.space.script("slots", lockspace.Slot(), taken)
    scene.space.script("join", sanlock_error(lockspace.HOSTID_BUSY))
    member = scene.member()
    with pytest.raises(errors.HostIdInUse) as e:
        member.join()
    assert (e.value.host_id, e.value.owner) == (250, "host2")
    member.leave()
    assert not scene.has_record()


@pytest.mark.parametrize(
    "slot", [lockspace.Slot(), lockspace.Slot("host2", 0, 1)]
)
def test_slot_that_is_free_is_not_watched(scene, slot):
    scene.space.script("slots", slot)
    scene.member().join()
    assert scene.clock.now == 0
    assert scene.space.calls == [("join", 250)]


def test_slot_that_does_not_change_is_free(scene):
    scene.space.script("slots", lockspace.Slot("host2", 5, 1))
    member = scene.member()
    member.join()
    assert scene.clock.now >= membership.RENEWAL * 1
    assert scene.space.calls == [("join", 250)]


@pytest.mark.parametrize(
    "now",
    [lockspace.Slot("host2", 7, 1), lockspace.Slot("host3", 5, 2)],
    ids=["renewed", "taken"],
)
def test_slot_that_changes_is_live(scene, now):
    then = lockspace.Slot("host2", 5, 1)
    scene.space.script("slots", then, then, then, now)
    member = scene.member()
    with pytest.raises(errors.HostIdInUse) as e:
        member.join()
    assert e.value.owner == now.owner
    assert scene.space.calls == []


def test_slot_that_is_left_meanwhile_is_free(scene):
    left = lockspace.Slot("host2", 0, 1)
    scene.space.script("slots", lockspace.Slot("host2", 5, 1), left)
    member = scene.member()
    member.join()
    assert scene.clock.now < membership.RENEWAL
    assert scene.space.calls == [("join", 250)]


# Leaving


def joined_by_us(scene):
    member = scene.member()
    member.join()
    scene.space.script("joined", Joined(250, IDS, False))
    assert scene.has_record()
    return member


def test_leaving_waits_for_who_cannot_be_seen(scene):
    member = joined_by_us(scene)
    busy = sanlock_error(errno.EBUSY)
    scene.space.script("leave", *[busy] * 10, None)
    joined = [Joined(250, IDS, False)] * 11
    scene.space.script("joined", *joined, None)
    member.leave()
    assert {"writing": True} in scene.watch.told
    assert scene.space.calls.count(("leave", 250)) == 11
    assert not scene.has_record()


def test_leaving_does_not_talk_of_a_lease_that_is_just_freed(scene):
    member = joined_by_us(scene)
    scene.space.script("leave", sanlock_error(errno.EBUSY), None)
    scene.space.script("joined", *[Joined(250, IDS, False)] * 2, None)
    member.leave()
    assert {"writing": True} not in scene.watch.told


def test_daemon_that_is_gone_took_the_lockspace_along(scene):
    member = joined_by_us(scene)
    scene.space.script("daemon_runs", False)
    scene.space.script("joined", sanlock_error(errno.ECONNREFUSED))
    member.leave()
    assert not scene.has_record()


def test_daemon_that_does_not_answer_is_asked_again(scene):
    member = joined_by_us(scene)
    scene.space.script("joined", sanlock_error(errno.EMFILE), None)
    scene.space.script("leave", sanlock_error(errno.EMFILE))
    member.leave()
    assert scene.space.calls.count(("leave", 250)) == 1
    assert not scene.has_record()


@pytest.mark.parametrize(
    "joined", [Joined(7, IDS, False), Joined(250, "/other", False)]
)
def test_leaving_does_not_touch_a_join_of_others(scene, joined):
    member = joined_by_us(scene)
    scene.space.script("joined", joined)
    member.leave()
    assert ("leave", 250) not in scene.space.calls
    assert not scene.has_record()


# What was left behind


def left_behind(scene):
    join = {"host_id": 250, "generation": 1}
    Record(scene.run_dir, SD).write(join)
    scene.space.script("joined", Joined(250, IDS, False))
    return scene.member(lock=False)


def test_left_behind_is_left(scene):
    member = left_behind(scene)
    member.adopt_left_behind()
    scene.space.script("joined", Joined(250, IDS, False), None)
    member.leave()
    assert scene.space.calls.count(("leave", 250)) == 1
    assert not scene.has_record()


def test_left_behind_is_no_more_without_a_daemon(scene):
    member = left_behind(scene)
    scene.space.script("daemon_runs", False)
    scene.space.script("joined", sanlock_error(errno.ECONNREFUSED))
    member.adopt_left_behind()
    member.leave()
    assert not scene.has_record()


def test_nothing_left_behind_touches_nothing(scene):
    scene.space.script("daemon_runs", sanlock_error(errno.EMFILE))
    scene.member(lock=False).adopt_left_behind()
    assert os.listdir(scene.run_dir) == []


def test_what_root_left_is_not_ours(scene, monkeypatch):
    member = left_behind(scene)
    monkeypatch.setattr(Record, "readable", lambda self: False)
    member.adopt_left_behind()
    member.leave()
    assert ("leave", 250) not in scene.space.calls
    assert scene.has_record()


DAMAGED = ["", "{", "[]", "5", '{"host_id": 250}', '"x"']


@pytest.mark.parametrize("text", DAMAGED)
@pytest.mark.parametrize("how", ["join", "adopt_left_behind"])
def test_damaged_record_proves_nothing(scene, text, how):
    """Used, but not left; and the record does not stay in the way."""
    member = left_behind(scene)
    with open(os.path.join(scene.run_dir, f"{SD}.json"), "w") as f:
        f.write(text)
    if how == "join":
        member.lock()
    getattr(member, how)()
    assert member.host_id == 250
    assert not scene.has_record()
    member.leave()
    assert scene.space.calls == []


@pytest.mark.parametrize("text", DAMAGED)
def test_damaged_record_is_replaced(scene, text):
    with open(os.path.join(scene.run_dir, f"{SD}.json"), "w") as f:
        f.write(text)
    member = joined_by_us(scene)
    assert Record(scene.run_dir, SD).read()["host_id"] == 250
    scene.space.script("joined", Joined(250, IDS, False), None)
    member.leave()
    assert ("leave", 250) in scene.space.calls


def test_record_that_cannot_be_written(scene, monkeypatch):
    def fail(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    member = scene.member()
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(errors.SanlockFailed, match="No space left") as e:
        member.join()
    assert scene.run_dir in e.value.action
    member.leave()
    assert scene.space.calls == []
