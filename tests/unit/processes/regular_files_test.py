# SPDX-License-Identifier: GPL-2.0-or-later
"""Where proc is not mounted; tests/integration has the rest, by fileio."""

import errno
import os

import pytest

from vdsm_backup.processes import regular_files


@pytest.fixture(params=["/proc/self/fd", "/no/proc"])
def proc(request, monkeypatch):
    monkeypatch.setattr(regular_files, "_OURS", request.param)
    return request.param


def put_link(path):
    os.symlink("file", path)


@pytest.mark.parametrize(
    "put, number",
    [
        (put_link, errno.ELOOP),
        (os.mkfifo, errno.ENXIO),
        (os.mkdir, errno.EISDIR),
        (lambda path: None, errno.ENOENT),
    ],
)
def test_what_is_no_file(tmp_path, proc, put, number):
    put(tmp_path / "x")
    with pytest.raises(OSError) as e:
        regular_files.open_file(tmp_path / "x", os.O_RDONLY)
    assert e.value.errno == number


def test_a_file(tmp_path, proc):
    (tmp_path / "x").write_bytes(b"data")
    at = os.open(tmp_path, os.O_PATH)
    before = len(os.listdir("/proc/self/fd"))
    for name, dir_fd in [(tmp_path / "x", None), (b"x", at), ("x", at)]:
        fd = regular_files.open_file(name, os.O_RDWR, dir_fd)
        assert os.read(fd, 10) == b"data"
        assert not os.get_inheritable(fd)
        os.close(fd)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(at)


def put_another(path):
    os.link(path.parent / "file", path)


@pytest.fixture
def swap(tmp_path, monkeypatch):
    """Have put(path) called between the look at `x` and the open."""
    monkeypatch.setattr(regular_files, "_OURS", "/no/proc")
    path = tmp_path / "x"
    path.write_bytes(b"data")
    (tmp_path / "file").write_bytes(b"another")
    real, fds = os.open, []

    def prepare(put):
        def swapping(name, *args, **kwargs):
            if len(fds) == 1:
                os.unlink(path)
                put(path)
            fds.append(real(name, *args, **kwargs))
            return fds[-1]

        monkeypatch.setattr(regular_files.os, "open", swapping)
        return path

    yield prepare
    for fd in fds:
        with pytest.raises(OSError):
            os.fstat(fd)


@pytest.mark.parametrize("put", [put_link, os.mkfifo, os.mkdir])
def test_swapped_between_the_look_and_the_open(swap, put):
    with pytest.raises(OSError) as e:
        regular_files.open_file(swap(put), os.O_RDONLY)
    assert e.value.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR)


def test_replaced_between_the_look_and_the_open(swap):
    """By another file, which is looked at, and opened, instead."""
    fd = regular_files.open_file(swap(put_another), os.O_RDONLY)
    assert os.read(fd, 10) == b"another"
    os.close(fd)
