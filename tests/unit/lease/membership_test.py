# SPDX-License-Identifier: GPL-2.0-or-later
"""
Joining: what a real daemon does not do when we want it to. See
integration/lease_test for the rest.
"""

import errno

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from tests.support.lease.membershipscene import IDS, SD, sanlock_error
from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.lease.lockspace import Host, Joined
from vdsm_backup.lease.slot import Slot


@pytest.mark.parametrize("sd_id", ["", "..", "../" * 12, SD + "/x", SD + "\n"])
def test_request_is_about_a_uuid(scene, sd_id):
    with pytest.raises(ValueError):
        scene.member(lock=False, sd_id=sd_id)


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
