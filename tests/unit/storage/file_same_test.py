# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether two directories are one storage. There is no NFS here: what the kernel
tells of its mounts is played.
"""

import os
import shutil
import types

import pytest

from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.fileio.base import FileIO
from vdsm_backup.host import mounts
from vdsm_backup.storage.file import FileStorage

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


class OtherDevice(FileIO):
    """The same files, as by a mount of their own."""

    kind = "embedded"

    def __init__(self, inode=0):
        super().__init__("x", 10)
        self._inode = inode

    def lstat(self, path):
        st = os.lstat(path)
        return types.SimpleNamespace(
            st_dev=st.st_dev + 1, st_ino=st.st_ino + self._inode
        )


class Here(FileIO):
    kind = "embedded"

    def __init__(self):
        super().__init__("x", 10)

    def lstat(self, path):
        return os.lstat(path)


def storage(mount, io=None):
    return FileStorage(A, os.path.join(str(mount), A), io or Here(), 10)


@pytest.fixture
def one(tmp_path):
    path = tmp_path / "one"
    path.mkdir()
    filedomain.make(str(path), sd_id=A)
    return path


@pytest.fixture
def where(monkeypatch):
    """{the name of a mount: what mounts.where() tells}."""
    told = {}

    def tell(directory):
        return told[os.path.basename(os.path.dirname(directory))]

    monkeypatch.setattr(mounts, "where", tell)
    return told


def test_link(one, tmp_path):
    os.symlink(one, tmp_path / "two")
    assert storage(one).is_same(storage(tmp_path / "two")) is True


def test_copy(one, tmp_path):
    shutil.copytree(one, tmp_path / "two")
    assert storage(one).is_same(storage(tmp_path / "two")) is False


def test_without_ids(one, tmp_path):
    shutil.copytree(one, tmp_path / "two")
    os.remove(tmp_path / "two" / A / "dom_md" / "ids")
    with pytest.raises(errors.MetadataUnreadable):
        storage(one).is_same(storage(tmp_path / "two"))


NFS = ("nfs4", f"server:/data:{A}")


@pytest.mark.parametrize(
    "first, second, inode, same",
    [
        (NFS, NFS, 0, True),
        # Another server, or another name of it.
        (NFS, ("nfs4", f"10.0.0.1:/data:{A}"), 0, None),
        (NFS, ("nfs4", f"10.0.0.1:/data:{A}"), 1, None),
        (NFS, NFS, 1, None),
        (("fuse.glusterfs", "a:/v:x"), ("fuse.glusterfs", "b:/v:x"), 0, None),
        # Its source says nothing.
        (("fuse.ceph-fuse", "ceph-fuse:x"),) * 2 + (0, None),
        # Disks of this host.
        (("ext4", "/dev/sda:x"), ("ext4", "/dev/sda:x"), 0, False),
        (("xfs", "/dev/sda:x"), NFS, 0, False),
        (("unknown", "x"), ("unknown", "x"), 0, False),
    ],
)
def test_two_mounts(one, tmp_path, where, first, second, inode, same):
    os.symlink(one, tmp_path / "two")
    where.update(one=first, two=second)
    other = storage(tmp_path / "two", OtherDevice(inode))
    assert storage(one).is_same(other) is same
    assert other.is_same(storage(one)) is same
