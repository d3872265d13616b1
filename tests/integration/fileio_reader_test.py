# SPDX-License-Identifier: GPL-2.0-or-later
"""
One child that reads for all mounts. Its calls are tested with those of the
other backends, in fileio_*_test.py.
"""

import errno
import os
import re
import signal
import tempfile
import threading
import time

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_fuse, needs_other_user
from tests.support.processes import proc
from tests.support.storage import backends
from tests.support.waiting import RUNS_OUT, SOON, wait_until
from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import reader, reader_client
from vdsm_backup.processes import companion, companion_child

READS = {
    "getattr": lambda io, path: io.lstat(path),
    "readdir": lambda io, path: io.listdir(os.path.dirname(path)),
    "open": lambda io, path: io.readfile(path),
    "read": lambda io, path: io.readfile(path, True),
}


@pytest.fixture
def one():
    """A child that only this test has."""
    one = backends.new_reader()
    yield one
    proc.kill([one.pid])


@pytest.fixture
def mounts(tmp_path):
    """49 directories that answer, each with a file."""
    made = []
    for n in range(49):
        (tmp_path / f"m{n}").mkdir()
        (tmp_path / f"m{n}" / "file").write_bytes(b"data")
        made.append(str(tmp_path / f"m{n}"))
    return made


def reading(reader, base, timeout=60):
    return reader_client.ReadingFileIO(reader, "test", timeout, base)


def threads(reader):
    return int(proc.status(reader.pid)["Threads"])


@needs_fuse
@pytest.mark.parametrize("op", READS)
def test_one_mount_of_fifty_hangs(one, fs, path, mounts, op):
    """It costs a thread, and its own call one timeout."""

    def read_hung():
        with pytest.raises(fileio.Timeout):
            READS[op](reading(one, fs.mount, RUNS_OUT), path)
        ends.append(time.monotonic())

    ends = []
    fs.hang(op)
    start = time.monotonic()
    thread = threading.Thread(target=read_hung)
    thread.start()
    fs.wait_stuck(op)
    for mount in mounts:
        io = reading(one, mount)
        for call in READS.values():
            call(io, f"{mount}/file")
    assert fs.stuck(op)
    # The one that hangs, one in a call, and one that waits.
    assert threads(one) == 3
    thread.join()
    assert RUNS_OUT <= ends[0] - start < SOON
    # It is in use again when the storage has answered.
    fs.clear()
    wait_until(lambda: not fs.stuck(op))
    assert reading(one, fs.mount).readfile(path) == b"data"
    assert threads(one) == 3


@needs_fuse
def test_calls_that_hang_on_one_mount(one, fs, path):
    """FileIOs of one mount do not wait for each other either."""

    def read_hung():
        with pytest.raises(fileio.Timeout):
            reading(one, fs.mount, RUNS_OUT).readfile(path)

    fs.hang("read")
    start = time.monotonic()
    hung = [threading.Thread(target=read_hung) for _ in range(8)]
    for thread in hung:
        thread.start()
    fs.wait_stuck("read")
    assert reading(one, fs.mount).listdir(fs.mount) == ["file"]
    for thread in hung:
        thread.join()
    # One timeout, and not eight.
    assert time.monotonic() - start < RUNS_OUT + SOON


def test_any_status_that_the_kernel_has(one):
    """On tmpfs, which keeps such times as other servers do."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        for seconds in (-(2**63), 2**63 - 1):
            os.utime(directory, ns=(0, seconds * 10**9))
            found = reading(one, directory).lstat(directory)
            assert found.st_mtime == seconds
    assert reader.STAT.unpack(
        reader.STAT.pack(*[2**64 - 1] * 6, *[-(2**63)] * 5)
    )


def test_a_call_that_breaks_ends_alone(one, mounts):
    def ask(op, data):
        with one.ask(op, data, time.monotonic() + SOON) as asked:
            return asked.next(time.monotonic() + SOON)

    with pytest.raises(errors.InternalError) as e:
        # No arguments can be unpacked of it.
        ask("lstat", b"")
    # It says what is wrong, and where.
    assert e.value.kind == "error"
    assert re.search(r"requires a buffer .* \(reader\.py:\d+\)", e.value.text)
    assert reading(one, mounts[0]).listdir(mounts[0]) == ["file"]


@needs_fuse
def test_killed_while_a_call_waits(one, fs, path, mounts):
    def read_hung():
        with pytest.raises(fileio.Closed):
            reading(one, fs.mount).readfile(path)
        ends.append(True)

    ends = []
    idle = reading(one, mounts[0])
    assert idle.listdir(mounts[0]) == ["file"]
    # One thread, and not direct: the kernel lets a process be killed that
    # waits for a page, but not one that waits for the answer of FUSE.
    fs.hang("read")
    hung = threading.Thread(target=read_hung)
    hung.start()
    fs.wait_stuck("read")
    os.kill(one.pid, signal.SIGKILL)
    hung.join()
    assert ends
    for io in (idle, reading(one, mounts[1])):
        with pytest.raises(fileio.Closed, match="has ended"):
            io.lstat(io.base)


@needs_fuse
def test_parent_killed_while_calls_wait(fs, path):
    """Nothing is left but what the kernel keeps, and that not for long."""
    fs.hang("read")
    with backends.run("read_in_a_thread", backends.READER, 1000, path) as user:
        fs.wait_stuck("read")
        (child,) = proc.find(user.pid, companion.NAME)
        user.kill()
        user.wait()
    fs.clear()
    wait_until(lambda: not proc.running(child))


def test_stopped(one, tmp_path):
    """It takes no request any more, when the pipe is full."""
    proc.stop([one.pid])
    path = f"{tmp_path}/{'x' * 3000}"
    start = time.monotonic()
    for _ in range(40):
        with pytest.raises(fileio.Timeout):
            reading(one, str(tmp_path), 0.1).lstat(path)
    assert time.monotonic() - start < 4 + SOON
    os.kill(one.pid, signal.SIGCONT)
    # What nobody waits for is answered, and dropped.
    assert reading(one, str(tmp_path)).listdir(str(tmp_path)) == []


@pytest.mark.parametrize(
    "op, args",
    [
        ("writefile", [b""]),
        ("touch", [0o600]),
        ("chmod", [0o600]),
        ("rename", ["/b"]),
        ("link", ["/b"]),
        ("unlink", []),
        ("fsyncPath", []),
    ],
)
def test_it_changes_nothing(one, op, args):
    with reading(one, "/") as io:
        with pytest.raises(ValueError):
            getattr(io, op)("/a", *args)


def test_longest_path(one, tmp_path):
    base = str(tmp_path)
    # Of a request: what is no path.
    head = len(companion_child.encode(1, "lstat", reader.encode(base, "")))
    room = companion_child.MAX_REQUEST - head - len(base) - 1
    with reading(one, base) as io:
        # As long as can be asked for, and longer than the kernel's names are.
        with pytest.raises(OSError) as e:
            io.lstat(f"{base}/{'x' * room}")
        assert e.value.errno == errno.ENAMETOOLONG
        below = "d/" * (room // 2 - 1) + "x"
        with pytest.raises(FileNotFoundError):
            io.lstat(f"{base}/{below}")
        with pytest.raises(OSError) as e:
            io.lstat(f"{base}/{'d/' * 2000}{below}")
        assert e.value.errno == errno.ENAMETOOLONG
        assert io.listdir(base) == []


@needs_other_user
def test_no_thread_can_be_started(tmp_path):
    """The call is not begun, since it might be the last one."""
    done = programs.run(
        "tests.support.fileio.user", "read_without_threads", "reader", 10, "/"
    )
    assert done.stderr == f"{errno.EAGAIN}\n{errno.EAGAIN}\n"


def test_many_at_once(one, mounts):
    """All answers go to whom they are for."""

    def read(mount, content):
        with reading(one, mount) as io:
            for _ in range(20):
                if io.readfile(f"{mount}/file") == content:
                    good.append(mount)

    good, running = [], []
    for n, mount in enumerate(mounts):
        content = bytes([n]) * 20000 * (n % 5)
        with open(f"{mount}/file", "wb") as f:
            f.write(content)
        running.append(threading.Thread(target=read, args=(mount, content)))
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(good) == 20 * len(mounts)
