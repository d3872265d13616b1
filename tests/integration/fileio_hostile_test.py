# SPDX-License-Identifier: GPL-2.0-or-later
"""
A server, or another client of it, that swaps what names stand for between our
calls. All backends; what `installed` cannot do is said where it is tested.
"""

import errno
import os
import socket
import stat
import threading

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_other_user
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.processes.opens import watched
from tests.support.storage import backends, filedomain
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    at,
    flagged_lines,
    storage_on,
    temporaries,
)
from vdsm_backup import errors
from vdsm_backup.change import change
from vdsm_backup.fileio import choose

VICTIM = b"the disk of a VM" * 1000


@pytest.fixture
def victim(tmp_path):
    """A file of another domain."""
    path = tmp_path / "other" / "disk"
    path.parent.mkdir()
    path.write_bytes(VICTIM)
    path.chmod(0o640)
    yield str(path)
    assert path.read_bytes() == VICTIM
    assert stat.S_IMODE(path.lstat().st_mode) == 0o640
    assert os.listdir(path.parent) == ["disk"]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "dom_md").mkdir()
    return str(tmp_path / "dom_md" / "file")


def put_link(path, victim):
    os.symlink(victim, path)


def put_hard_link(path, victim):
    os.link(victim, path)


def put_fifo(path, victim):
    os.mkfifo(path)


def put_socket(path, victim):
    with socket.socket(socket.AF_UNIX) as s:
        fd = os.open(os.path.dirname(path), os.O_PATH)
        s.bind(f"/proc/self/fd/{fd}/{os.path.basename(path)}")
        os.close(fd)


def put_device(path, victim):
    # The null device. As a file system of another host may have any.
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


KINDS = [
    pytest.param(put_link, id="link"),
    pytest.param(put_hard_link, id="hard link"),
    pytest.param(put_fifo, id="fifo"),
    pytest.param(put_socket, id="socket"),
    pytest.param(put_device, id="device", marks=needs_other_user),
]
NO_FILES = [param for param in KINDS if param.values[0] != put_hard_link]


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


# A whole change


@pytest.mark.parametrize("put", KINDS)
@pytest.mark.parametrize("step", BEFORE_CONFIRM[2:])
def test_a_change(mount, sd_id, backend, victim, put, step):
    """Whatever the new file becomes: the old metadata stays, or is changed."""
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()
    new = flagged_lines(sd_id)

    def swap():
        [name] = temporaries(mount, sd_id)
        name = os.path.join(storage.dom_md, name)
        os.unlink(name)
        put(name, victim)

    with pytest.raises((errors.Error, OSError)):
        storage.write(old, new, at(step, swap))
    assert storage.read() == old


@pytest.mark.parametrize("put", KINDS)
def test_metadata_of_another_kind_is_not_read(mount, sd_id, backend, put):
    other = filedomain.make(mount)
    path = filedomain.path(mount, sd_id)
    os.unlink(path)
    put(path, filedomain.path(mount, other))
    storage = storage_on(mount, backend, sd_id)
    if put is put_hard_link:
        # It says which domain it is of.
        with pytest.raises(errors.NotMetadata, match=other):
            change.checked(storage)
        return
    with pytest.raises((errors.MetadataUnreadable, errors.NotMetadata)):
        storage.read()


@pytest.mark.parametrize("put", NO_FILES)
@pytest.mark.parametrize("name", ["ids", "leases"])
def test_sanlock_is_told_of_files_only(
    mount, sd_id, backend, victim, put, name
):
    storage = storage_on(mount, backend, sd_id)
    path = os.path.join(storage.dom_md, name)
    os.unlink(path)
    put(path, victim)
    with pytest.raises(errors.WriteFailed, match=f"{name} is not a regular"):
        with storage.lease_paths():
            pass


@needs_namespace
@pytest.mark.parametrize("name", ["", "metadata"])
def test_mount_points_inside(mount, sd_id, backend, name):
    """dom_md is crossed. Over a file that is one nothing is renamed."""
    path = os.path.join(mount, sd_id, "dom_md", name).rstrip("/")
    before = filedomain.get_bytes(mount, sd_id)
    with Namespace() as ns:
        ns.bind(path, path)
        module = "tests.support.storage.rewriter"
        done = programs.run(
            *(module, backend, mount, sd_id, 3), inside=ns.enter()
        )
    if not name:
        assert done.returncode == 0, done.stderr
        assert filedomain.get_bytes(mount, sd_id) != before
    else:
        assert "WriteFailed" in done.stderr
        assert os.strerror(errno.EBUSY) in done.stderr
        assert filedomain.get_bytes(mount, sd_id) == before


# Sizes


@backends.reading
def test_a_file_of_any_size(io, path):
    with open(path, "wb") as f:
        f.truncate(2**40)
    with pytest.raises(OSError, match="too large") as e:
        io.readfile(path)
    assert e.value.errno == errno.EFBIG
