# SPDX-License-Identifier: GPL-2.0-or-later
"""
The contract of fileio, the same tests for all backends, on a local disk.
"""

import errno
import os
import stat

import pytest

from tests.support.storage import backends
from vdsm_backup.fileio import reader


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "file")


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


# Looking


@backends.reading
def test_lstat(io, path):
    write(path, b"x" * 5000)
    os.chmod(path, 0o640)
    want = os.lstat(path)
    got = io.lstat(path)
    for field in got._fields:
        assert getattr(got, field) == int(getattr(want, field)), field


@backends.reading
def test_lstat_of_a_link_is_the_link(io, path):
    os.symlink("nowhere", path)
    assert stat.S_ISLNK(io.lstat(path).st_mode)


@backends.reading
def test_listdir(io, tmp_path):
    names = {f"name-{n}" for n in range(300)}
    for name in names:
        write(tmp_path / name, b"")
    listed = io.listdir(str(tmp_path))
    assert len(listed) == 300
    assert set(listed) == names


# Reading


@backends.reading
@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        511,
        512,
        # More than a block, aligned and not: the last read is short.
        4096,
        4097,
        3 * 4096 + 1,
        # More than a pipe or socket buffer, and the limit of our callers.
        1024**2,
        # More than the worker's block.
        1024**2 + 4097,
    ],
)
def test_readfile(io, path, size, direct):
    data = os.urandom(size)
    write(path, data)
    assert io.readfile(path, direct) == data


@backends.reading
def test_readfile_reads_up_to_the_size(io):
    # Reading on, after a short last block, is EINVAL on some file systems
    # when direct. Files of /proc have no size.
    path = f"/proc/{os.getpid()}/stat"
    assert os.lstat(path).st_size == 0
    assert io.readfile(path) == b""


# Writing


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("size", [0, 4096, 256 * 4096])
def test_writefile(io, path, size, direct):
    data = os.urandom(size)
    write(path, b"old")
    io.writefile(path, data, direct)
    assert read(path) == data


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 5001])
def test_writefile_unaligned(io, path, data):
    write(path, b"old")
    io.writefile(path, data)
    assert read(path) == data


def test_writefile_is_direct_when_asked(io, path):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_DIRECT)
    try:
        os.write(fd, b"x")
    except OSError as e:
        assert e.errno == errno.EINVAL
    else:
        pytest.skip("this file system takes unaligned direct writes")
    finally:
        os.close(fd)
    with pytest.raises(OSError) as e:
        io.writefile(path, b"x", True)
    assert e.value.errno == errno.EINVAL


def test_writefile_truncates(io, path):
    write(path, b"long" * 5000)
    io.writefile(path, b"short")
    assert read(path) == b"short"


def test_writefile_makes_no_file(io, path):
    with pytest.raises(FileNotFoundError):
        io.writefile(path, b"new")
    assert not os.path.exists(path)


def test_a_file_that_was_made(io, path):
    io.touch(path, 0o600)
    for data in (b"longer", b"new"):
        io.writefile(path, data)
        assert io.readfile(path) == io.readfile(path, True) == data
    io.chmod(path, 0o640)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o640
    io.fsyncPath(path)
    io.rename(path, path + "2")
    assert read(path + "2") == data
    # The path is not ours any more.
    write(path, b"another")
    assert io.readfile(path) == b"another"
    io.unlink(path)
    io.touch(path, 0o600)


def test_touch_makes_a_file(io, path):
    umask = os.umask(0)
    os.umask(umask)
    io.touch(path, 0o660)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o660 & ~umask
    assert read(path) == b""


def test_touch_opens_nothing_that_exists(io, path):
    write(path, b"data")
    os.utime(path, (0, 0))
    os.symlink("file-target", path + "-link")
    os.mkfifo(path + "-fifo")
    for name in (path, path + "-link", path + "-fifo"):
        with pytest.raises(FileExistsError):
            io.touch(name, 0o600)
    assert os.lstat(path).st_mtime == 0
    assert not os.path.exists(path + "-target")


def test_chmod(io, path):
    write(path, b"")
    io.chmod(path, 0o604)
    assert stat.S_IMODE(os.lstat(path).st_mode) == 0o604


def test_rename_replaces(io, path):
    write(path, b"new")
    write(path + "-old", b"old")
    io.rename(path, path + "-old")
    assert read(path + "-old") == b"new"
    assert not os.path.exists(path)


def test_link(io, path):
    write(path, b"data")
    io.link(path, path + "-2")
    assert os.path.samefile(path, path + "-2")
    with pytest.raises(FileExistsError):
        io.link(path, path + "-2")


def test_link_to_a_link_is_the_link(io, path):
    """Nobody's file gets a name here by way of a link."""
    os.symlink("nowhere", path)
    io.link(path, path + "-2")
    assert os.readlink(path + "-2") == "nowhere"


def test_unlink(io, path):
    write(path, b"")
    io.unlink(path)
    assert not os.path.exists(path)


def test_fsync_path_of_file_and_directory(io, path):
    write(path, b"")
    io.fsyncPath(path)
    io.fsyncPath(os.path.dirname(path))


# Errors


CALLS = {
    "lstat": lambda io, path: io.lstat(path),
    "listdir": lambda io, path: io.listdir(path),
    "readfile": lambda io, path: io.readfile(path, True),
    "writefile": lambda io, path: io.writefile(path + "/x", b""),
    "touch": lambda io, path: io.touch(path + "/x", 0o600),
    "chmod": lambda io, path: io.chmod(path, 0o600),
    "rename": lambda io, path: io.rename(path, path + "2"),
    "link": lambda io, path: io.link(path, path + "2"),
    "unlink": lambda io, path: io.unlink(path),
    "fsyncPath": lambda io, path: io.fsyncPath(path),
}


@backends.with_calls("call", CALLS, *reader.CALLS)
def test_missing_file(io, path, call):
    with pytest.raises(FileNotFoundError) as e:
        CALLS[call](io, path)
    assert e.value.errno == errno.ENOENT
    assert e.value.strerror == os.strerror(errno.ENOENT)
    assert e.value.filename.startswith(path)


@backends.reading
def test_errors_of_reading_have_the_class_of_their_errno(io, path):
    os.mkdir(path)
    write(path + "-file", b"")
    with pytest.raises(IsADirectoryError):
        io.readfile(path)
    with pytest.raises(NotADirectoryError):
        io.listdir(path + "-file")
    assert io.lstat(path + "-file").st_size == 0


def test_errors_have_the_class_of_their_errno(io, path):
    os.mkdir(path)
    write(path + "-file", b"")
    with pytest.raises(FileExistsError):
        io.touch(path + "-file", 0o600)
    with pytest.raises(IsADirectoryError):
        io.rename(path + "-file", path)
    assert io.lstat(path + "-file").st_size == 0


@backends.reading
@pytest.mark.parametrize("op", reader.CALLS)
def test_path_that_is_read_must_be_absolute(io, op):
    for path in ("file", "/tmp\0/file"):
        with pytest.raises(ValueError):
            getattr(io, op)(path)


def test_path_must_be_absolute(io):
    with pytest.raises(ValueError):
        io.rename("/file", "file")
    with pytest.raises(ValueError):
        io.link("/file", "file")
    with pytest.raises(ValueError):
        io.unlink("/tmp\0/file")
