# SPDX-License-Identifier: GPL-2.0-or-later
"""Following links stops where a mount could hang."""

import pytest

from tests.support.vm.mounttable import ROOT, mount
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm.links import Trace, mount_of, trace

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"


def test_nothing_below_the_mount_is_touched(touched):
    found = trace("/rhev/mnt/a/b", [ROOT, mount("/rhev/mnt")])
    assert found == Trace(("/rhev/mnt/a/b",), "/rhev/mnt", found.rest)
    assert found.rest == "/rhev/mnt/a/b"
    assert touched == ["/rhev"]


def test_nor_the_mount_point_itself(touched):
    found = trace("/rhev/mnt", [ROOT, mount("/rhev/mnt")])
    assert (found.mount, found.rest) == ("/rhev/mnt", "/rhev/mnt")
    assert touched == ["/rhev"]


def test_nothing_is_touched_where_no_mount_is_known(touched):
    """As in a chroot whose "/" is not the top of a mount."""
    found = trace("/m/a/../b", [mount("/rhev")])
    assert found == Trace((), "/", "/m/a/../b")
    assert touched == []


def test_link_out_of_what_is_known(link, tmp_path, touched):
    link("x/a", "/nowhere/b")
    found = trace(f"{tmp_path}/x/a", [mount(tmp_path, "tmpfs", "tmpfs")])
    # Not even how to get there is known.
    assert (found.mount, found.rest) == ("/", f"{tmp_path}/x/a")
    assert touched == []


@pytest.mark.parametrize(
    "path, point",
    [("a/x", "/m"), ("b", "{tmp}"), ("c/x", "{tmp}"), ("d/x", "/m")],
)
def test_mount_of(link, tmp_path, path, point):
    link("a", "/m/a")
    link("c", "b")
    link("d", "e")
    link("e", "/m")
    table = [ROOT, mount(tmp_path, "tmpfs", "tmpfs"), mount("/m")]
    found = mount_of(f"{tmp_path}/{path}", table)
    assert found.point == point.format(tmp=tmp_path)


@pytest.mark.parametrize("path", ["/a/b", "/"])
def test_mount_of_what_no_mount_has(path):
    assert mount_of(path, [mount("/m")]) is None


def test_link_into_a_mount(link, tmp_path, touched):
    link(f"pool/{SD}", f"{tmp_path}/mnt/nas/{SD}")
    found = trace(
        f"{tmp_path}/pool/{SD}/x", [ROOT, mount(tmp_path / "mnt/nas")]
    )
    rest = f"{tmp_path}/mnt/nas/{SD}/x"
    assert found.names == (f"{tmp_path}/pool/{SD}/x", rest)
    assert (found.mount, found.rest) == (f"{tmp_path}/mnt/nas", rest)
    assert f"{tmp_path}/mnt" in touched
    assert not [p for p in touched if p.startswith(f"{tmp_path}/mnt/nas")]


def test_dots_on_a_mount_are_left_to_who_looks_there(touched):
    found = trace("/m/a/../../x", [ROOT, mount("/m")])
    # Not /x: "a" may be a link.
    assert found.names == ()
    assert (found.mount, found.rest) == ("/m", "/m/a/../../x")
    assert touched == []


def test_dots_before_a_mount(touched):
    found = trace("/usr/../m/a", [ROOT, mount("/m")])
    assert found.names == ("/m/a",)
    assert found.mount == "/m"
    assert touched == ["/usr"]


@pytest.mark.parametrize("fs_type", ["tmpfs", "devtmpfs", "proc", "sysfs"])
def test_what_is_in_memory_cannot_hang(touched, fs_type):
    found = trace("/m/a", [ROOT, mount("/m", fs_type, fs_type)])
    assert (found.names, found.mount) == (("/m/a",), None)
    assert touched == ["/m", "/m/a"]


@pytest.mark.parametrize(
    "path", ["/proc/7/root/a", "/proc/7/task/8/fd/3", "/x/7/cwd", "/one/root"]
)
def test_the_links_of_a_process_lead_into_its_own_mounts(touched, path):
    """However these are called, and whatever is mounted there for us."""
    of_one = Mount("/one", "proc", "proc", "rw", "/7")
    table = [ROOT, mount("/proc", "proc"), mount("/x", "proc"), of_one]
    found = trace(path, table)
    assert (found.names, found.rest) == ((path,), path)
    assert path not in touched


@pytest.mark.parametrize("path", ["/proc/7", "/proc/sys/7/x", "/proc/7x/a"])
def test_what_else_is_in_proc(path):
    assert trace(path, [ROOT, mount("/proc", "proc")]).rest is None


@pytest.mark.parametrize("point", ["/usr", "/var", "/var/log"])
def test_what_the_host_hangs_with_is_looked_at(touched, point):
    lv = mount(point, "xfs", "/dev/mapper/onn-lv")
    assert trace(f"{point}/a", [ROOT, lv]).mount is None
    assert f"{point}/a" in touched


@pytest.mark.parametrize(
    "fs_type, source",
    [
        # Its device may be a LUN.
        ("ext4", "/dev/vdb1"),
        ("xfs", "/dev/mapper/vg-lv"),
        ("ext4", "/dev/loop0"),
        ("overlay", "overlay"),
        ("nfs", "nas:/a"),
        ("nfs4", "/dev:/a"),
        ("fuse.glusterfs", "gl:/v"),
        ("fuseblk", "/dev/sda1"),
        ("fuse", "/dev/fuse"),
        ("ceph", "192.0.2.1:6789:/"),
        ("cifs", "//nas/a"),
        ("9p", "share"),
    ],
)
def test_which_mounts_could_hang(touched, fs_type, source):
    found = trace("/m/a", [ROOT, mount("/m", fs_type, source)])
    assert (found.names, found.mount) == (("/m/a",), "/m")
    assert touched == []


@pytest.mark.parametrize("fs_type", ["overlay", "nfs4", "btrfs"])
def test_the_root_file_system_is_looked_at(touched, fs_type):
    assert trace("/a", [mount("/", fs_type, "x")]).mount is None
    assert touched == ["/a"]


def test_a_mount_over_one_that_could_hang(touched):
    over = mount("/m", "tmpfs", "tmpfs")
    assert trace("/m/a", [ROOT, mount("/m"), over]).mount is None
    assert trace("/m/a", [ROOT, over, mount("/m")]).mount == "/m"


def test_beside_a_mount(touched):
    assert trace("/mnt2/a", [ROOT, mount("/mnt")]).mount is None
