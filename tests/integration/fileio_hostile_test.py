# SPDX-License-Identifier: GPL-2.0-or-later
"""
A server, or another client of it, that swaps what names stand for between
single calls. All backends; what `installed` cannot do is said where it is
tested.
"""

import errno
import os
import stat
import threading

import pytest

from tests.support.fileio.swapping import (
    KINDS,
    NO_FILES,
    put_device,
    put_fifo,
    put_link,
    put_socket,
)
from tests.support.processes.opens import watched
from tests.support.storage import backends
from vdsm_backup.fileio import choose

pytest_plugins = ["tests.support.fileio.swapping"]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "dom_md").mkdir()
    return str(tmp_path / "dom_md" / "file")


@pytest.mark.parametrize("put", KINDS)
@pytest.mark.parametrize("call", ["writefile", "chmod", "readfile"])
def test_swapped_after_it_was_made(backend, io, path, victim, put, call):
    """The one that truncated a disk: a link between touch and writefile."""
    io.touch(path, 0o600)
    os.unlink(path)
    put(path, victim)
    args = {"writefile": [b"new"], "chmod": [0o600], "readfile": []}[call]
    if backend == "embedded" and call != "readfile":
        # It works on what it has made.
        getattr(io, call)(path, *args)
    else:
        with pytest.raises(OSError) as e:
            getattr(io, call)(path, *args)
        assert e.value.errno in (errno.ELOOP, errno.ENXIO, errno.ESTALE)
    with pytest.raises(OSError):
        io.rename(path, path + "-metadata")
    io.unlink(path)


CALLS = {
    "readfile": lambda io, path: io.readfile(path),
    "read direct": lambda io, path: io.readfile(path, True),
    "writefile": lambda io, path: io.writefile(path, b"new"),
    "write direct": lambda io, path: io.writefile(path, b"x" * 4096, True),
    "chmod": lambda io, path: io.chmod(path, 0o600),
    "fsyncPath": lambda io, path: io.fsyncPath(path),
}
FAIL = {
    put_link: {errno.ELOOP: "symbolic link"},
    put_fifo: {errno.ENXIO: "not a regular file"},
    put_socket: {errno.ENXIO: "not a regular file"},
    put_device: {errno.ENXIO: "not a regular file"},
}


@pytest.mark.parametrize("put", NO_FILES)
@backends.with_calls("call", CALLS, "readfile", "read direct")
def test_what_is_no_file_is_not_opened(io, path, victim, put, call):
    put(path, victim)
    with watched(path) as opened:
        with pytest.raises(OSError) as e:
            CALLS[call](io, path)
        assert not opened()
    [(number, words)] = FAIL[put].items()
    assert e.value.errno == number
    assert words in e.value.strerror


def test_a_second_name_is_not_written(io, path, victim):
    os.link(victim, path)
    with pytest.raises(OSError) as e:
        io.writefile(path, b"new")
    assert e.value.errno == errno.EMLINK


def test_names_of_links_are_moved_and_removed(io, path, victim):
    os.symlink(victim, path)
    assert stat.S_ISLNK(io.lstat(path).st_mode)
    io.rename(path, path + "2")
    assert os.readlink(path + "2") == victim
    os.symlink(victim, path)
    # Over a link: the link is replaced.
    io.touch(path + "3", 0o600)
    io.rename(path + "3", path)
    assert stat.S_ISREG(os.lstat(path).st_mode)
    io.unlink(path + "2")
    assert os.listdir(os.path.dirname(path)) == ["file"]


BEHIND = {
    **CALLS,
    "lstat": lambda io, path: io.lstat(path),
    "listdir": lambda io, path: io.listdir(os.path.dirname(path)),
    "touch": lambda io, path: io.touch(path + "-new", 0o600),
    "unlink": lambda io, path: io.unlink(path),
    "rename": lambda io, path: io.rename(path, path + "2"),
}


@backends.with_calls(
    "call", BEHIND, "lstat", "listdir", "readfile", "read direct"
)
@pytest.mark.parametrize("link", ["sd", "sd/dom_md"])
def test_a_directory_on_the_way_is_a_link(io, tmp_path, victim, link, call):
    other = os.path.dirname(victim)
    if link == "sd":
        os.mkdir(tmp_path / "real")
        os.symlink(other, tmp_path / "real" / "dom_md")
        os.symlink(tmp_path / "real", tmp_path / "sd")
    else:
        os.mkdir(tmp_path / "sd")
        os.symlink(other, tmp_path / "sd" / "dom_md")
    with pytest.raises(OSError) as e:
        BEHIND[call](io, str(tmp_path / "sd" / "dom_md" / "disk"))
    assert e.value.errno == errno.ELOOP


def test_rename_into_a_directory_that_is_a_link(io, tmp_path, victim, path):
    os.symlink(os.path.dirname(victim), tmp_path / "sd")
    io.touch(path, 0o600)
    with pytest.raises(OSError) as e:
        io.rename(path, str(tmp_path / "sd" / "disk"))
    assert e.value.errno == errno.ELOOP
    assert os.path.exists(path)


@backends.reading
def test_no_way_out_of_the_base(backend, tmp_path, path, victim):
    base = os.path.dirname(path)
    with backends.open_io(backend, "test", 10, base) as io:
        assert io.listdir(base) == io.listdir(base + "/") == []
        for wrong in (victim, f"{base}/../other/disk", f"{base}x"):
            reads = [io.lstat, io.readfile]
            for call in reads + [io.unlink] * (backend != backends.READER):
                with pytest.raises(OSError) as e:
                    call(wrong)
                assert e.value.errno in (errno.EXDEV, errno.EINVAL)


@backends.reading
def test_a_base_that_is_read_may_be_a_link(backend, tmp_path, path):
    link = str(tmp_path / "link")
    os.symlink(os.path.dirname(path), link)
    with open(path, "wb") as f:
        f.write(b"data")
    with backends.open_io(backend, "test", 10, link) as io:
        assert io.listdir(link) == ["file"]
        assert stat.S_ISDIR(io.lstat(link).st_mode)
        assert io.readfile(f"{link}/file") == b"data"


def test_the_base_may_be_a_link(backend, tmp_path, path):
    """VDSM mounts a local domain so."""
    link = str(tmp_path / "link")
    os.symlink(os.path.dirname(path), link)
    with choose.open(backend, "test", 10, link) as io:
        io.touch(f"{link}/file", 0o600)
        assert io.listdir(link) == ["file"]
        assert stat.S_ISDIR(io.lstat(link).st_mode)
        io.fsyncPath(link)
    assert os.path.exists(path)


@pytest.mark.slow("on a busy machine its thousands of calls take a minute")
def test_a_swapper_that_never_stops(tmp_path, path, victim):
    """
    Thousands of swaps, at any moment of a call. Only `embedded` promises it:
    see the contract.
    """
    stop = threading.Event()
    mine, link = path + "-mine", path + "-link"
    with open(mine, "w") as f:
        f.write("mine")
    os.symlink(victim, link)
    os.symlink("file-mine", path)

    def swap():
        while not stop.is_set():
            for target in (mine, link):
                temporary = f"{path}-{len(target)}"
                if target == link:
                    os.symlink(victim, temporary)
                else:
                    os.link(mine, temporary)
                os.rename(temporary, path)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    try:
        with choose.open("embedded", "test", 60) as io:
            # On a busy machine the swaps can miss the calls for long.
            for _ in range(40):
                for call in list(CALLS.values()) * 500:
                    try:
                        call(io, path)
                        seen.add(0)
                    except OSError as e:
                        seen.add(e.errno)
                if errno.ELOOP in seen and len(seen) > 1:
                    break
    finally:
        stop.set()
        swapping.join()
    # The victim fixture looks whether it is as it was.
    assert errno.ELOOP in seen and len(seen) > 1


# Sizes


@backends.reading
def test_a_file_of_any_size(io, path):
    with open(path, "wb") as f:
        f.truncate(2**40)
    with pytest.raises(OSError, match="too large") as e:
        io.readfile(path)
    assert e.value.errno == errno.EFBIG
