# SPDX-License-Identifier: GPL-2.0-or-later
"""Our lock of a local domain and VDSM's own exclude each other."""

import os

import pytest

from tests.support.storage import filedomain
from tests.vdsm.inside import storage
from vdsm_backup import errors
from vdsm_backup.lease import local

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def ids(tmp_path):
    path = tmp_path / "ids"
    path.write_bytes(b"")
    return str(path)


@pytest.fixture
def theirs(ids):
    from vdsm.storage import clusterlock

    sdm = clusterlock.Lease("SDM", ids, 1024**2)
    lock = clusterlock.LocalLock(SD, ids, sdm)
    lock.acquireHostId(1, wait=True)
    yield lambda: lock.acquire(1, sdm), lambda: lock.release(sdm)
    lock.releaseHostId(1, wait=True, unused=True)


def take(ids):
    return local.take(SD, ids, 0, lambda text: None)


def test_theirs_excludes_ours(ids, theirs):
    acquire, release = theirs
    acquire()
    with pytest.raises(errors.LeaseBusy):
        with take(ids):
            pass
    release()
    with take(ids):
        pass


def test_ours_excludes_theirs(ids, theirs):
    from vdsm.storage import exception as se

    acquire, release = theirs
    with take(ids):
        with pytest.raises(se.AcquireLockFailure):
            acquire()
    acquire()
    release()


def test_it_is_what_vdsm_uses_for_this_type():
    from vdsm.storage import clusterlock, localFsSD, sd

    table = localFsSD.LocalFsStorageDomainManifest._domainLockTable
    assert table[4] is table[5] is clusterlock.LocalLock
    assert sd.type2name(sd.LOCALFS_DOMAIN) == local.TYPE


def test_the_plugin_goes_by_the_place_that_vdsm_found(host):
    """
    It takes the lock of VDSM's own class of the domain. That is by the name of
    the mount's directory, whatever TYPE says.
    """
    mount = os.path.join(host.root, "dc", "mnt", "server:_data")
    os.makedirs(mount)
    sd_id = filedomain.make(mount, TYPE="LOCALFS")
    path = os.path.join(mount, sd_id)
    found = host.do(storage.found_as_local, sd_id, path)
    assert found == [False, "SANLock"]
