# SPDX-License-Identifier: GPL-2.0-or-later
"""Joined by another path: whether it is the same storage."""

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from tests.support.lease.membershipscene import IDS
from vdsm_backup import errors
from vdsm_backup.lease.lockspace import Host, Joined
from vdsm_backup.lease.slot import Slot


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
