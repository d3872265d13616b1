# SPDX-License-Identifier: GPL-2.0-or-later
"""
Alone or not, and joining: what a real daemon does not do when we want it to.
See integration/lease_test for the rest.
"""

import errno

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from tests.support.lease.membershipscene import (
    IDS,
    SD,
    TIMEOUT,
    Pending,
    Scene,
    sanlock_error,
)
from vdsm_backup import errors
from vdsm_backup.lease import lockspace, slot
from vdsm_backup.lease.lockspace import Host, Joined
from vdsm_backup.lease.slot import Slot


@pytest.fixture
def scene(tmp_path, monkeypatch):
    return Scene(str(tmp_path), monkeypatch)


# Alone


def hosts(timestamp=1, generation=1, **states):
    found = {250: Host(sanlock.HOST_LIVE, 1, timestamp)}
    for name, state in states.items():
        value = getattr(sanlock, f"HOST_{state}")
        found[int(name.strip("h"))] = Host(value, generation, timestamp)
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


MAY_LIVE = ["UNKNOWN", "LIVE", "FAIL"]


@pytest.mark.parametrize("before", MAY_LIVE)
def test_alone_when_the_others_turn_out_dead(scene, member, before):
    scene.space.script("hosts", *[hosts(h3=before)] * 5, hosts(h3="DEAD"))
    member.require_alone()
    assert scene.clock.now > 0


def test_alone_though_sanlock_called_the_dead_live(scene, member):
    """As sanlock 3.9.5 does after each join, for 8 I/O timeouts."""
    states = ["UNKNOWN", "LIVE", "LIVE", "FAIL", "FAIL", "DEAD"]
    scene.space.script("hosts", *[hosts(h3=state) for state in states])
    member.require_alone()


@pytest.mark.parametrize("before", MAY_LIVE)
@pytest.mark.parametrize(
    "change", [{"timestamp": 2}, {"generation": 2}], ids=["renewed", "taken"]
)
def test_not_alone_when_one_turns_out_live(scene, member, before, change):
    first = hosts(h3=before, h4=before)
    then = {**first, 4: hosts(h4="LIVE", **change)[4]}
    scene.space.script("hosts", first, first, then)
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "4"
    assert scene.clock.now < TIMEOUT


def test_not_alone_when_one_joins_meanwhile(scene, member):
    scene.space.script("hosts", hosts(h3="FAIL"), hosts(h3="FAIL", h4="LIVE"))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "4"
    assert scene.clock.now < TIMEOUT


def test_alone_when_one_leaves_meanwhile(scene, member):
    left = hosts(h3="FREE", timestamp=0)
    scene.space.script("hosts", hosts(h3="LIVE"), left)
    member.require_alone()


@pytest.mark.parametrize("state", MAY_LIVE)
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


# The pool is said to be gone


def test_a_join_of_vdsm_is_refused(scene):
    scene.space.script("joined", Joined(7, IDS, False))
    member = scene.member(gone_pool="the pool")
    with pytest.raises(errors.VdsmRunning, match="as host id 7") as e:
        member.join()
    assert (e.value.domain, e.value.pool) == (SD, "the pool")
    member.leave()
    assert scene.space.calls == []


def test_a_join_of_vdsm_that_comes_while_we_join_is_refused(scene):
    scene.space.script("joined", None, Joined(7, IDS, False))
    scene.space.script("join", sanlock_error(errno.EEXIST))
    member = scene.member(gone_pool="the pool")
    with pytest.raises(errors.VdsmRunning):
        member.join()
    member.leave()
    assert scene.space.calls == [("join", 250)]
    assert not scene.has_record()


@pytest.mark.parametrize("host_id", [250, 7])
def test_a_join_of_ours_is_used(scene, host_id):
    """A killed holder's is on record, whatever is configured since."""
    killed = scene.member(host_id=host_id)
    killed.join()
    scene.space.script("joined", Joined(host_id, IDS, False))
    host = Host(sanlock.HOST_LIVE, 1, 1)
    scene.space.script("hosts", {host_id: host})
    member = scene.member(lock=False, gone_pool="the pool")
    member.join()
    assert member.host_id == host_id


def test_a_join_that_nobody_has_put_on_record_by_our_host_id(scene):
    scene.space.script("joined", Joined(250, IDS, False))
    member = scene.member(gone_pool="the pool")
    member.join()
    assert member.host_id == 250


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
    taken = Slot("host2", 5, 1)
    scene.space.script("slots", Slot(), taken)
    scene.space.script("join", sanlock_error(lockspace.HOSTID_BUSY))
    member = scene.member()
    with pytest.raises(errors.HostIdInUse) as e:
        member.join()
    assert (e.value.host_id, e.value.owner) == (250, "host2")
    member.leave()
    assert not scene.has_record()


@pytest.mark.parametrize("slot", [Slot(), Slot("host2", 0, 1)])
def test_slot_that_is_free_is_not_watched(scene, slot):
    scene.space.script("slots", slot)
    scene.member().join()
    assert scene.clock.now == 0
    assert scene.space.calls == [("join", 250)]


def test_slot_that_does_not_change_is_free(scene):
    scene.space.script("slots", Slot("host2", 5, 1))
    member = scene.member()
    member.join()
    assert scene.clock.now >= slot.RENEWAL * 1
    assert scene.space.calls == [("join", 250)]


@pytest.mark.parametrize(
    "now",
    [Slot("host2", 7, 1), Slot("host3", 5, 2)],
    ids=["renewed", "taken"],
)
def test_slot_that_changes_is_live(scene, now):
    then = Slot("host2", 5, 1)
    scene.space.script("slots", then, then, then, now)
    member = scene.member()
    with pytest.raises(errors.HostIdInUse) as e:
        member.join()
    assert e.value.owner == now.owner
    assert scene.space.calls == []


def test_slot_that_is_left_meanwhile_is_free(scene):
    left = Slot("host2", 0, 1)
    scene.space.script("slots", Slot("host2", 5, 1), left)
    member = scene.member()
    member.join()
    assert scene.clock.now < slot.RENEWAL
    assert scene.space.calls == [("join", 250)]


# Another host has the host id, and only its renewals tell


def renewed(count, *, generation=2):
    """The slot of a host that renews it, long after another."""
    return [
        Slot("host2", 5 + n // 4 * 20, generation) for n in range(4 * count)
    ]


def test_host_that_took_the_id_is_found_while_sanlock_joins(scene):
    scene.space.script("slots", Slot(), *renewed(4))
    scene.space.script("join", Pending())
    member = scene.member()
    with pytest.raises(errors.HostIdInUse) as e:
        member.join()
    assert (e.value.host_id, e.value.owner) == (250, "host2")
    assert scene.clock.now < TIMEOUT
    scene.space.script("joined", Joined(250, IDS, True, True), None)
    member.leave()
    assert ("leave", 250) in scene.space.calls
    assert not scene.has_record()


def test_host_that_renews_slowly_is_found_while_sanlock_joins(scene):
    """Its I/O timeout is longer than this domain's."""
    slots = [Slot("host2", 5, 2)] * 9 + renewed(4)
    scene.space.script("slots", *slots)
    scene.space.script("join", Pending())
    with pytest.raises(errors.HostIdInUse):
        scene.member().join()


def test_slot_that_cannot_be_read_is_left_to_sanlock(scene):
    failed = errors.SanlockFailed("read", "it")
    scene.space.script("slots", Slot(), failed)
    scene.space.script("join", Pending())
    with pytest.raises(errors.LeaseTimeout):
        scene.member().join()


def test_owner_without_a_name(scene):
    scene.space.script("slots", Slot("", 5, 1), Slot("", 7, 1))
    with pytest.raises(errors.HostIdInUse) as e:
        scene.member().join()
    assert e.value.owner == "a host whose sanlock has no name"


@pytest.mark.parametrize("path", [IDS, "/other"])
def test_vdsm_joins_by_the_id_of_another_host(scene, path):
    """Of another path nothing is known by ours."""
    scene.space.script("joined", Joined(7, path, True, True))
    scene.space.script("slots", *renewed(8))
    with pytest.raises(errors.Error) as e:
        scene.member().join()
    if path == IDS:
        assert isinstance(e.value, errors.HostIdInUse)
        assert (e.value.host_id, e.value.owner) == (7, "host2")
    else:
        assert isinstance(e.value, errors.LeaseTimeout)
    assert scene.space.calls == []


def test_vdsm_leaves(scene):
    """Until it has left, this host renews the slot."""
    leaving = [Joined(7, IDS, True, False)] * 60
    scene.space.script("joined", *leaving, None)

    def slot():
        assert scene.space.answers["joined"] == [None]
        return Slot()

    scene.space.slot = slot
    scene.member().join()
    assert scene.space.calls == [("join", 250)]


# Joined by another path


@pytest.fixture
def elsewhere(scene):
    """This host is in the lockspace by another path, as VDSM's host id 7."""
    scene.space.script("joined", Joined(7, "/other\n", False))
    scene.space.script("hosts", {7: Host(sanlock.HOST_LIVE, 2, 1)})
    return scene


def test_another_path_to_the_same_storage(elsewhere):
    slots = [Slot("host1", 5, 2)] * 3 + [Slot("host1", 7, 2)]
    elsewhere.space.script("slots", *slots)
    member = elsewhere.member()
    member.join()
    assert member.host_id == 7
    member.leave()
    assert elsewhere.space.calls == []


@pytest.mark.parametrize(
    "slots",
    [
        [Slot()],
        [Slot("host1", 5, 1)],
        # Replicated a moment ago.
        [Slot("host1", 5, 2)],
        # Taken by another host of the replica's site.
        [Slot("host1", 5, 2), Slot("host2", 7, 3)],
    ],
)
def test_another_path_to_a_replica(elsewhere, slots):
    elsewhere.space.script("slots", *slots)
    member = elsewhere.member()
    with pytest.raises(errors.SanlockFailed) as e:
        member.join()
    assert "as /other\\n, which is another copy" in e.value.reason
    assert IDS in e.value.action
    member.leave()
    assert elsewhere.space.calls == []


# Other paths that must be the same storage


@pytest.mark.parametrize(
    "slots, same",
    [
        ([Slot("host1", 5, 2)] * 3 + [Slot("host1", 7, 2)], True),
        ([Slot("host1", 5, 2)], False),
        ([Slot("host1", 5, 1)], False),
        ([Slot()], False),
    ],
)
def test_another_path_must_be_the_same_storage(scene, slots, same):
    scene.space.script("joined", Joined(7, IDS, False))
    scene.space.script("hosts", {7: Host(sanlock.HOST_LIVE, 2, 1)})
    scene.require_same("/other\n")
    member = scene.member()
    member.join()
    scene.space.script("slots", *slots)
    if same:
        member.require_same_storage()
        return
    with pytest.raises(errors.AmbiguousDomain) as e:
        member.require_same_storage()
    assert e.value.places == f"{IDS}, /other\\n"
