# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup.doctor import checks, stacked
from vdsm_backup.host.mounts import Mount

A, B, C = "/r/mnt/a:_x", "/r/mnt/b:_x", "/r/mnt/glusterSD/c:_x"


def table(*points):
    return [
        Mount(point, "nfs4", f"s:/{number}", "rw", "/")
        for number, point in enumerate(points)
    ]


def test_one_mount_over_another():
    points = ["/r/mnt/a b\n", "/r/mnt/c", "/r/mnt/a b\n", "/", "/"]
    (found,) = stacked.check("/r", table(*points))
    assert found.state == checks.NOTE
    assert found.text.startswith("/r/mnt/a b\\n is mounted 2 times")
    assert "umount" in found.hint


def test_mounts_that_are_not_vdsms():
    points = ["/r/mnt/a", "/r/mnt/b", "/r/mntx", "/r/mntx", "/r/mnt", "/r/mnt"]
    assert list(stacked.check("/r/", table(*points))) == []


def mount(point, source="s:/x", fs_type="nfs4", root="/", device=""):
    return Mount(point, fs_type, source, "rw", root, device=device)


@pytest.mark.parametrize(
    "other",
    [
        # As after a change of the path in the engine.
        mount(B, "s:/x/"),
        # The same options, so one file system; here by two names of a server.
        mount(B, "s.example.com:/x", device="0:40"),
        # Other options.
        mount(B, device="0:41"),
    ],
    ids=["slash", "name", "options"],
)
def test_one_export_at_two_mount_points(other):
    first = mount(A, device="0:40")
    for mounts in ([first, other], [other, first]):
        (found,) = stacked.check("/r", mounts)
        assert found.state == checks.NOTE
        assert f" is mounted at {A} and {B}: its domains" in found.text
        assert found.hint.endswith(f": umount {A} or {B}")


def test_one_volume_at_three_mount_points():
    volume = ("s:/vol", "fuse.glusterfs")
    mounts = [mount(p, *volume, device=p) for p in (C, A, B)]
    (found,) = stacked.check("/r", mounts)
    assert f" is mounted at {A} and {B} and {C}: " in found.text


@pytest.mark.parametrize(
    "other",
    [
        mount(B, "s:/y", device="0:41"),
        # Another export of one file system of the server.
        mount(B, "s:/y", root="/y", device="0:40"),
        mount(B, "t:/x", device="0:41"),
        mount(B, fs_type="cifs", device="0:41"),
        # It is not where VDSM mounts.
        mount("/backup", device="0:40"),
        # One over the other is told apart.
        mount(A, "s:/y", device="0:41"),
    ],
)
def test_others(other):
    found = stacked.check("/r", [mount(A, device="0:40"), other])
    assert not any("its domains are in each" in f.text for f in found)


def test_a_name_that_says_nothing():
    mounts = [mount(p, "tmpfs", "tmpfs", device=p) for p in (A, B)]
    assert list(stacked.check("/r", mounts)) == []
