# SPDX-License-Identifier: GPL-2.0-or-later
from vdsm_backup.doctor import checks, stacked
from vdsm_backup.host.mounts import Mount


def table(*points):
    return [Mount(point, "nfs4", "s:/x", "rw", "/") for point in points]


def test_one_mount_over_another():
    points = ["/r/mnt/a b\n", "/r/mnt/c", "/r/mnt/a b\n", "/", "/"]
    (found,) = stacked.check("/r", table(*points))
    assert found.state == checks.NOTE
    assert found.text.startswith("/r/mnt/a b\\n is mounted 2 times")
    assert "umount" in found.hint


def test_mounts_that_are_not_vdsms():
    points = ["/r/mnt/a", "/r/mnt/b", "/r/mntx", "/r/mntx", "/r/mnt", "/r/mnt"]
    assert list(stacked.check("/r/", table(*points))) == []
