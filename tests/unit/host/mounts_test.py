# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from vdsm_backup.host import mounts

TABLE = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:40 / /rhev/data-center/mnt/server:_a\040b rw - nfs4 server:/a\040b rw
31 22 254:1 /srv /rhev/bind rw - ext4 /dev/vda1 rw
32 30 0:41 / /rhev/data-center/mnt/server:_a\040b rw - nfs4 over:/it rw
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    return mounts.table(str(path))


def test_table(table):
    assert [m.fs_type for m in table] == ["ext4", "nfs4", "ext4", "nfs4"]
    assert table[1].point == "/rhev/data-center/mnt/server:_a b"
    assert table[1].source == "server:/a b"
    assert [m.device for m in table] == ["254:1", "0:40", "254:1", "0:41"]


@pytest.mark.parametrize(
    "own, of_all, found",
    [
        ("rw,relatime", "rw", False),
        ("ro,relatime", "rw", True),
        ("rw,relatime", "ro,errors=remount-ro", True),
        # Neither of them says so.
        ("rw,relatime", "rw,errors=remount-ro,proto=ro1", False),
    ],
)
def test_read_only(tmp_path, own, of_all, found):
    path = tmp_path / "mountinfo"
    path.write_text(
        f"22 1 254:1 / / {own} shared:1 - ext4 /dev/vda1 {of_all}\n"
    )
    (mount,) = mounts.table(str(path))
    assert mount.is_read_only is found
    assert mount.options == of_all


@pytest.mark.parametrize(
    "path, source",
    [
        ("/rhev/data-center/mnt/server:_a b/sd", "over:/it"),
        ("/rhev/data-center/mnt/server:_a bc/sd", "/dev/vda1"),
        ("/", "/dev/vda1"),
        ("/rhev/bind", "/dev/vda1"),
    ],
)
def test_holding(table, path, source):
    assert mounts.holding(path, table).source == source


@pytest.mark.parametrize(
    "order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]]
)
def test_a_mount_hides_what_was_mounted_below_it_before(order):
    """
    "/" stands behind what is on it where an initramfs made that; so the order
    of the table says nothing.
    """
    made = [
        mounts.Mount("/", "ext4", "root", "rw", "/", 20, 1),
        mounts.Mount("/mnt", "nfs4", "over", "rw", "/", 40, 20),
        mounts.Mount("/mnt/sd", "tmpfs", "hidden", "rw", "/", 30, 20),
        mounts.Mount("/mnt/on", "xfs", "above", "rw", "/", 50, 40),
    ]
    table = [made[n] for n in order]
    assert mounts.holding("/mnt/sd/dom_md", table).source == "over"
    assert mounts.holding("/mnt/on/sd", table).source == "above"
    assert mounts.holding("/srv", table).source == "root"


def test_two_mounts_at_one_point():
    """The second one is mounted on the first."""
    made = [
        mounts.Mount("/mnt", "tmpfs", "second", "rw", "/", 31, 30),
        mounts.Mount("/mnt", "nfs4", "first", "rw", "/", 30, 20),
        mounts.Mount("/", "ext4", "root", "rw", "/", 20, 20),
    ]
    assert mounts.holding("/mnt/sd", made).source == "second"


def test_a_chroot_that_is_no_mount():
    made = [mounts.Mount("/proc", "proc", "proc", "rw", "/", 31, 20)]
    assert mounts.holding("/proc/1", made).source == "proc"
    assert mounts.holding("/srv", made) is None


def test_mount_of_an_open_file(tmp_path):
    with open(tmp_path / "file", "w") as f:
        found = mounts.of_file(f.fileno())
    assert found == mounts.holding(str(tmp_path.resolve()), mounts.table())


def test_the_number_of_an_open_file_counts_and_not_its_path(
    tmp_path, monkeypatch
):
    """Its path may lead to what was mounted over it since."""
    with open(tmp_path / "file", "w") as f:
        number = mounts._mount_id(f.fileno())
        by_path = mounts.Mount(
            "/", "tmpfs", "path", "rw", "/", number + 1, number + 1
        )
        by_number = mounts.Mount(
            "/elsewhere", "nfs4", "number", "rw", "/", number, number + 1
        )
        monkeypatch.setattr(mounts, "table", lambda: [by_path, by_number])
        assert mounts.of_file(f.fileno()) == by_number
        monkeypatch.setattr(mounts, "table", lambda: [by_path])
        assert mounts.of_file(f.fileno()) is None


def where(mocker, table, directory):
    mocker.patch("vdsm_backup.host.mounts.table", return_value=table)
    return mounts.where(directory)


def test_where_on_nfs(mocker, table):
    directory = "/rhev/data-center/mnt/server:_a b/sd"
    assert where(mocker, table, directory) == ("nfs4", "over:/it:sd")


def test_where_on_a_bind_mount(mocker, table):
    found = where(mocker, table, "/rhev/bind/sd")
    assert found == ("ext4", "/dev/vda1[/srv]:sd")


def test_where_nothing_is_mounted(mocker):
    assert where(mocker, [], "/chroot/sd") == ("unknown", "/chroot/sd")


def test_where_a_link_leads_to_where_nothing_is_mounted(mocker, tmp_path):
    """In a chroot, of which only the repository is a mount."""
    os.symlink("/nowhere", tmp_path / "_data")
    repo = mounts.Mount(str(tmp_path), "tmpfs", "tmpfs", "rw", "/")
    found = where(mocker, [repo], str(tmp_path / "_data" / "sd"))
    assert found == ("unknown", "/nowhere/sd")


def test_no_table(tmp_path):
    """Where proc is not mounted, no mount is known."""
    assert mounts.table(str(tmp_path / "mountinfo")) == []


def test_a_mount_point_is_not_touched(mocker, table):
    islink = mocker.patch("vdsm_backup.host.mounts.os.path.islink")
    where(mocker, table, "/rhev/data-center/mnt/server:_a b/sd")
    assert not islink.called


def test_local_domain_behind_a_link(mocker, table, tmp_path):
    (tmp_path / "data").mkdir()
    os.symlink("data", tmp_path / "_data")
    direct = where(mocker, table, str(tmp_path / "data" / "sd"))
    assert where(mocker, table, str(tmp_path / "_data" / "sd")) == direct
    assert direct[1].endswith("/data/sd")


def test_a_link_on_what_could_hang_is_not_followed(mocker, table, tmp_path):
    table.append(mounts.Mount(str(tmp_path), "xfs", "/dev/sdb", "rw", "/"))
    os.symlink("data", tmp_path / "_data")
    found = where(mocker, table, str(tmp_path / "_data" / "sd"))
    assert found == ("xfs", "/dev/sdb:_data/sd")


def test_a_mount_point_with_characters_that_end_lines(tmp_path):
    """The kernel escapes none but LF."""
    point = "/mnt/a\rb\x0bc\x85d\u2028e"
    path = tmp_path / "mountinfo"
    text = (
        f"36 35 0:5 / {point} rw - tmpfs none rw\n"
        "37 35 0:6 / /mnt/f rw - tmpfs none rw\n"
    )
    path.write_bytes(text.encode())
    assert [m.point for m in mounts.table(str(path))] == [point, "/mnt/f"]


@pytest.mark.parametrize("fs_type", ["devpts", "hugetlbfs"])
def test_a_console_and_memory_cannot_hang(fs_type):
    """A VM that resumes has /dev/pts/0 in its XML."""

    def mount(fs_type):
        return mounts.Mount("/dev/x", fs_type, fs_type, "rw", "/")

    assert mounts.cannot_hang(mount(fs_type))
    assert not mounts.cannot_hang(mount("xfs"))
