# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether another host has our slot, before we join and while we do."""

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

from tests.support.lease.membershipscene import (
    IDS,
    TIMEOUT,
    Pending,
    sanlock_error,
)
from vdsm_backup import errors
from vdsm_backup.lease import lockspace, slot
from vdsm_backup.lease.lockspace import Joined
from vdsm_backup.lease.slot import Slot


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


def test_owner_without_a_name(scene):
    scene.space.script("slots", Slot("", 5, 1), Slot("", 7, 1))
    with pytest.raises(errors.HostIdInUse) as e:
        scene.member().join()
    assert e.value.owner == "a host whose sanlock has no name"


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
