# SPDX-License-Identifier: GPL-2.0-or-later
"""Following links, and stopping where a mount could hang."""

import os
import time

import pytest

from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm import links
from vdsm_backup.vm.links import MAX_LINKS, Trace, mount_of, trace

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"
ROOT = Mount("/", "ext4", "/dev/vda1", "rw", "/")


def mount(point, fs_type="nfs4", source="nas:/a"):
    return Mount(str(point), fs_type, source, "rw", "/")


@pytest.fixture
def names(tmp_path):
    """What trace() finds below tmp_path, all of it local."""

    def names(path):
        found = trace(f"{tmp_path}/{path}", [ROOT])
        assert (found.mount, found.rest) == (None, None)
        return [os.path.relpath(name, tmp_path) for name in found.names]

    return names


@pytest.fixture
def link(tmp_path):
    def link(name, target):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)

    return link


def test_no_link(names, tmp_path):
    (tmp_path / "a").write_text("")
    assert names("a") == ["a"]
    assert names("./a//") == ["a"]
    assert names("not/there") == ["not/there"]


def test_chain(names, link, tmp_path):
    link("1", "2")
    link("2", tmp_path / "3")
    link("3", "a/../4")
    (tmp_path / "a").mkdir()
    # A name with ".." in it is none: what ".." is, is seen on the way.
    assert names("1") == ["1", "2", "3", "4"]


def test_link_in_the_middle(names, link):
    link("pool/sd", "../mnt/sd")
    assert names("pool/sd/x/y") == ["pool/sd/x/y", "mnt/sd/x/y"]


def test_from_one_domain_into_another(names, link):
    link(f"{SD}/disk", f"../{OTHER}/disk")
    assert names(f"{SD}/disk") == [f"{SD}/disk", f"{OTHER}/disk"]


def test_into_a_domain_and_out_of_it(names, link, tmp_path):
    link("a", f"{SD}/b")
    link(f"{SD}/b", tmp_path / "c")
    assert names("a") == ["a", f"{SD}/b", "c"]


def test_dangling(names, link):
    link("a", f"gone/{SD}/x")
    assert names("a") == ["a", f"gone/{SD}/x"]


@pytest.mark.parametrize("target", ["loop", "./loop/x"])
def test_loop(names, link, target):
    link("loop", target)
    assert names("loop")[0] == "loop"


def test_loop_through_a_domain(names, link):
    link("a", f"{SD}/b")
    link(f"{SD}/b", "../a")
    assert names("a") == ["a", f"{SD}/b"]


def test_as_many_links_as_the_kernel_follows(names, link, tmp_path):
    count = MAX_LINKS
    for n in range(count + 1):
        link(str(n), str(n + 1))
    (tmp_path / str(count + 1)).write_text("x")
    assert names("1")[-1] == str(count + 1)
    assert (tmp_path / "1").read_text() == "x"
    # One more, and no file is there.
    with pytest.raises(OSError):
        (tmp_path / "0").read_text()
    assert str(count + 1) not in names("0")


# "..": what the kernel makes of it, not what text does


def test_dots_out_of_a_domain(names):
    assert names(f"{SD}/../x") == ["x"]
    assert names(f"{SD}/images/../../{OTHER}/x") == [f"{OTHER}/x"]


def test_dots_above_the_root():
    assert trace("/../../x", [ROOT]).names == ("/x",)


def test_dots_after_a_link(names, link, tmp_path):
    # By text it would be "x"; the kernel goes up from where the link leads.
    link("link", f"mnt/{SD}/images")
    (tmp_path / "mnt" / SD / "images").mkdir(parents=True)
    assert names("link/../x") == [f"mnt/{SD}/x"]


def test_dots_that_only_text_sees_in_a_domain(names, link, tmp_path):
    link(f"{SD}/link", "../a/b")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert names(f"{SD}/link/../x") == ["a/x"]


def test_target_with_dots(names, link):
    link("pool/sd/disk", f"../../{SD}/x/../disk")
    assert names("pool/sd/disk") == ["pool/sd/disk", f"{SD}/disk"]


def test_target_with_dots_after_a_link(names, link, tmp_path):
    link("a", "b/../disk")
    link("b", f"{SD}/images")
    (tmp_path / SD / "images").mkdir(parents=True)
    assert names("a") == ["a", f"{SD}/disk"]


# Names that are none


@pytest.mark.parametrize(
    "name",
    ["$(reboot)", "a;b", "a\nb", "a b'\"", "-x", "*", "\u202e", "\udcff"],
)
def test_any_character(names, link, name):
    link("a", name)
    assert names("a") == ["a", name]
    assert names(name) == [name]


def test_nul():
    assert trace("/a\0b", [ROOT]) == Trace(())
    assert trace(f"/{SD}/a\0", [ROOT]) == Trace(())


def test_no_file_can_have_it():
    for name in ("/" + "x" * 300, "/a\ud800"):
        assert trace(name, [ROOT]).names == (name,)


def test_not_ours_to_see(mocker):
    mocker.patch("os.readlink", side_effect=PermissionError)
    assert trace("/a/b", [ROOT]).names == ("/a/b",)


def test_two_slashes():
    assert trace("//a", [ROOT]).names == ("/a",)


# Mounts that could hang


@pytest.fixture
def touched(monkeypatch):
    """The paths that are looked at."""
    seen = []
    real = os.readlink

    def readlink(path, **kwargs):
        seen.append(path)
        return real(path, **kwargs)

    monkeypatch.setattr(os, "readlink", readlink)
    for call in ("stat", "lstat", "listdir", "scandir", "open"):
        monkeypatch.setattr(os, call, lambda *args, **kwargs: 1 / 0)
    return seen


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
    of_one = mount("/one", "proc")._replace(root="/7")
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


# Devices


@pytest.fixture
def sysfs(tmp_path):
    dm = tmp_path / "sys/block/dm-7/dm"
    dm.mkdir(parents=True)
    (dm / "name").write_text("vg-lv\n")
    return str(tmp_path / "sys")


def test_dm(sysfs):
    found = trace("/dev/dm-7", [ROOT], sysfs=sysfs)
    assert found.names == ("/dev/dm-7", "/dev/mapper/vg-lv")


def test_link_to_dm(sysfs, link, tmp_path):
    link("by-id/x", "/dev/dm-7")
    found = trace(f"{tmp_path}/by-id/x", [ROOT], sysfs=sysfs)
    assert found.names[1:] == ("/dev/dm-7", "/dev/mapper/vg-lv")


def test_dm_with_a_name_that_is_no_text(sysfs, tmp_path):
    (tmp_path / "sys/block/dm-7/dm/name").write_bytes(b"vg-\xff\n")
    found = trace("/dev/dm-7", [ROOT], sysfs=sysfs)
    assert found.names[1:] == ("/dev/mapper/vg-\udcff",)


@pytest.mark.parametrize("name", ["dm-8", "dm-7x", "dm-7/x", "xdm-7", "dm-"])
def test_no_dm(sysfs, name):
    assert trace(f"/dev/{name}", [ROOT], sysfs=sysfs).names == (
        f"/dev/{name}",
    )


def test_dm_of_another_directory(sysfs):
    assert trace("/x/dm-7", [ROOT], sysfs=sysfs).names == ("/x/dm-7",)


# Domains on the way


@pytest.fixture
def domains(tmp_path):
    """The domains that trace() finds below tmp_path, all of it local."""

    def domains(path, table=(ROOT,)):
        found = trace(f"{tmp_path}/{path}", table).domains
        return [os.path.relpath(path, tmp_path) for path in found]

    return domains


def make_domain(path):
    (path / "dom_md").mkdir(parents=True)


def test_a_domain_within_a_domain(domains, tmp_path):
    make_domain(tmp_path / SD)
    make_domain(tmp_path / SD / "images" / OTHER)
    assert domains(f"{SD}/images/{OTHER}/x") == [f"{SD}/images/{OTHER}", SD]
    # The directory itself is no disk.
    assert domains(f"{SD}/images/{OTHER}") == [SD]


def test_no_domain(domains, tmp_path):
    (tmp_path / SD / "images" / OTHER).mkdir(parents=True)
    make_domain(tmp_path / "data")
    (tmp_path / "data" / OTHER).write_text("")
    assert domains(f"{SD}/images/{OTHER}/x") == []
    assert domains(f"data/{OTHER}/x") == []


def test_a_domain_with_a_link_out_of_it(domains, link, tmp_path):
    make_domain(tmp_path / "a" / SD)
    link(f"a/{SD}/x", tmp_path / "b" / OTHER / "x")
    make_domain(tmp_path / "b" / OTHER)
    assert domains(f"a/{SD}/x") == [f"a/{SD}", f"b/{OTHER}"]


def test_a_domain_that_is_left_by_dots(domains, tmp_path):
    make_domain(tmp_path / SD)
    make_domain(tmp_path / OTHER)
    assert domains(f"{SD}/../{OTHER}/x") == [OTHER]


def test_a_closed_directory_may_be_a_domain(domains, mocker):
    mocker.patch("os.lstat", side_effect=PermissionError)
    assert domains(f"{SD}/x") == [SD]


def test_what_could_hang_in_a_directory_may_be_its_dom_md(
    domains, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "lstat", lambda path: 1 / 0)
    table = [ROOT, mount(tmp_path / SD / "dom_md")]
    assert domains(f"{SD}/x", table) == [SD]


def test_each_directory_is_looked_at_once(domains, link, tmp_path, mocker):
    make_domain(tmp_path / SD)
    for n in range(9):
        link(f"{SD}/{n}", str(n + 1))
    looked = mocker.spy(os, "lstat")
    assert domains(f"{SD}/0") == [SD]
    assert looked.call_count == 1


# As it is found


def test_a_step_is_told_before_more_is_touched(link, tmp_path, monkeypatch):
    """What it hangs on later does not hide what it has met before."""
    link("a", f"{SD}/b")
    link(f"{SD}/b", "/c/d")
    make_domain(tmp_path / SD)
    real = os.readlink

    def readlink(path, **kwargs):
        if path == "/c":
            raise ZeroDivisionError
        return real(path, **kwargs)

    monkeypatch.setattr(os, "readlink", readlink)
    steps = links.follow(f"{tmp_path}/a", links.Limits())
    met = []
    with pytest.raises(ZeroDivisionError):
        for step in steps:
            met.append((step.kind, step.path))
    assert met == [
        (links.NAME, f"{tmp_path}/a"),
        (links.NAME, f"{tmp_path}/{SD}/b"),
        (links.DOMAIN, f"{tmp_path}/{SD}"),
        (links.NAME, "/c/d"),
    ]


# Limits


@pytest.fixture
def bomb(link):
    """A path whose links make it many times as long as it is."""
    count = 30
    for n in range(count):
        link(str(n), "./x/../" * 500 + str(n + 1))
    link(str(count), "end")
    return "0"


def test_links_that_lead_to_many_parts(bomb, tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    path = f"{tmp_path}/{bomb}"
    assert trace(path, [ROOT]).names[-1] == f"{tmp_path}/end"
    monkeypatch.setattr(links, "MAX_PARTS", 20_000)
    with pytest.raises(errors.VmUnclear, match="more than 20000 parts"):
        trace(path, [ROOT])


def test_the_limit_is_one_for_all_paths(monkeypatch):
    monkeypatch.setattr(links, "MAX_PARTS", 10)
    limits = links.Limits()
    for _ in range(2):
        trace("/a/b/c/d/e", [ROOT], limits)
    with pytest.raises(errors.VmUnclear, match="parts"):
        trace("/a", [ROOT], limits)


def test_the_longest_path_of_the_kernel_is_within_the_limit():
    assert (MAX_LINKS + 1) * links.MAX_PATH / 2 < links.MAX_PARTS


def test_the_deadline_is_looked_at_at_each_link(link, tmp_path, monkeypatch):
    link("a", "b")
    link("b", "c")
    now = [0]
    real = os.readlink

    def readlink(path, **kwargs):
        target = real(path, **kwargs)
        now[0] += 1
        return target

    monkeypatch.setattr(os, "readlink", readlink)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    names = []
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        for step in links.follow(f"{tmp_path}/a", links.Limits(2)):
            names.append(os.path.basename(step.path))
    assert names == ["a", "b"]


def test_the_time_is_over_before(touched):
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        trace("/a", [ROOT], links.Limits(time.monotonic()))
    assert touched == []
