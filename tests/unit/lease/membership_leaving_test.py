# SPDX-License-Identifier: GPL-2.0-or-later
"""
Leaving, and what was left behind: what a real daemon does not do when we want
it to. See integration/lease_test for the rest.
"""

import errno
import os

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

from tests.support.lease.membershipscene import IDS, SD, sanlock_error
from vdsm_backup import errors
from vdsm_backup.lease.lockspace import Joined
from vdsm_backup.lease.slot import Slot
from vdsm_backup.processes.records import Record

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


def not_joined(scene):
    """A member of this host that must find it outside of the lockspace."""
    scene.require(require_not_joined=True)
    return scene.member()


def test_a_join_of_others_is_refused_where_it_must_be(scene):
    member = not_joined(scene)
    scene.space.script("joined", Joined(7, IDS, False))
    with pytest.raises(errors.HostsLive) as e:
        member.join()
    assert "used by this host, which has joined as host id 7" in str(e.value)
    member.leave()
    assert scene.space.calls == []


def test_a_join_that_a_killed_holder_left_is_no_others(scene):
    left_behind(scene)
    member = not_joined(scene)
    member.join()
    scene.space.script("joined", Joined(250, IDS, False), None)
    member.leave()
    assert scene.space.calls == [("leave", 250)]


def test_our_own_join_is_no_others(scene):
    member = not_joined(scene)
    member.join()
    assert scene.space.calls == [("join", 250)]


def test_somebody_else_joins_meanwhile(scene):
    member = not_joined(scene)
    scene.space.script("joined", None, Joined(7, IDS, False))
    scene.space.script("join", sanlock_error(errno.EEXIST))
    with pytest.raises(errors.HostsLive):
        member.join()


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
    with pytest.raises(errors.RunDirFailed, match="No space left") as e:
        member.join()
    assert e.value.path == scene.run_dir
    assert not any("sanlock.service" in h for h in e.value.hint_lines())
    member.leave()
    assert scene.space.calls == []


# Left behind by another path: another mount of the export, or a replica


def left_elsewhere(scene, *answers):
    join = {"host_id": 250, "generation": 1}
    Record(scene.run_dir, SD).write(join)
    scene.space.script("joined", *answers)
    return scene.member(lock=False)


ELSEWHERE = Joined(250, "/other", False)


def test_left_behind_elsewhere_is_tidied(scene):
    member = left_elsewhere(scene, ELSEWHERE, ELSEWHERE, None)
    member.adopt_left_behind()
    member.leave()
    assert scene.space.left_paths == ["/other"]
    assert not scene.has_record()


def test_left_behind_on_a_replica_is_left_before_we_join(scene):
    again = sanlock_error(errno.EBUSY)
    scene.space.script("leave", again, None)
    member = left_elsewhere(scene, *[ELSEWHERE] * 3, None)
    member.lock()
    member.join()
    assert scene.space.calls == [("leave", 250), ("leave", 250), ("join", 250)]
    assert scene.space.left_paths == ["/other"] * 2
    scene.space.script("joined", Joined(250, IDS, False), None)
    member.leave()
    assert scene.space.left_paths[2:] == [IDS]
    assert not scene.has_record()


def test_left_behind_on_a_replica_and_busy(scene):
    scene.space.script("leave", sanlock_error(errno.EBUSY))
    member = left_elsewhere(scene, ELSEWHERE)
    member.lock()
    with pytest.raises(errors.LeaseBusy, match="/other"):
        member.join()
    assert scene.has_record()


def test_left_behind_by_another_mount_is_used_and_left(scene):
    slots = [Slot("host1", 5, 1)] * 3 + [Slot("host1", 7, 1)]
    scene.space.script("slots", *slots)
    member = left_elsewhere(scene, ELSEWHERE)
    member.lock()
    member.join()
    assert member.host_id == 250
    scene.space.script("joined", ELSEWHERE, None)
    member.leave()
    assert scene.space.left_paths == ["/other"]
    assert not scene.has_record()
