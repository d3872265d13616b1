# SPDX-License-Identifier: GPL-2.0-or-later
"""
The contract of fileio on storage that hangs or fails: all backends.
"""

import errno
import os
import signal
import threading
import time

import pytest

from tests.support.processes.proc import running
from tests.support.storage import backends, hangfs
from tests.support.waiting import RUNS_OUT, SOON, wait_until
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose

pytestmark = [
    pytest.mark.skipif(
        hangfs.missing() is not None, reason=str(hangfs.missing())
    ),
]

# For each step of the storage, the call that meets it.
CALLS = {
    "getattr": lambda io, path: io.lstat(path),
    "open": lambda io, path: io.readfile(path, True),
    "read": lambda io, path: io.readfile(path, True),
    "create": lambda io, path: io.touch(path + ".new", 0o600),
    "utimens": lambda io, path: io.touch(path + ".new", 0o600),
    "truncate": lambda io, path: io.writefile(path, b"x"),
    "write": lambda io, path: io.writefile(path, b"x" * 8192, True),
    "fsync": lambda io, path: io.writefile(path, b"x"),
    "chmod": lambda io, path: io.chmod(path, 0o600),
    "rename": lambda io, path: io.rename(path, path + ".new"),
    "unlink": lambda io, path: io.unlink(path),
    "fsyncdir": lambda io, path: io.fsyncPath(os.path.dirname(path)),
}

# Those of reading.
READS = ("getattr", "open", "read")

ERRORS = [errno.EIO, errno.ENOSPC, errno.ESTALE, errno.EDQUOT, errno.EROFS]


@backends.with_calls("op", CALLS, *READS)
@pytest.mark.parametrize("error", ERRORS, ids=errno.errorcode.get)
def test_every_step_can_fail(backend, fs, path, op, error):
    with backends.open_io(backend, "test", 10) as io:
        fs.fail(op, error)
        with pytest.raises(OSError) as e:
            CALLS[op](io, path)
        assert e.value.errno == error
        fs.clear()
        assert io.listdir(fs.mount)


@backends.reading
def test_failing_listdir(backend, fs):
    with backends.open_io(backend, "test", 10) as io:
        fs.fail("readdir", errno.EIO)
        if backend == "installed":
            # ioprocess 1.4 does not look whether readdir failed.
            assert io.listdir(fs.mount) == []
        else:
            with pytest.raises(OSError) as e:
                io.listdir(fs.mount)
            assert e.value.errno == errno.EIO


@backends.with_calls("op", [*CALLS, "readdir"], *READS, "readdir")
def test_every_step_can_hang(backend, fs, path, op):
    call = CALLS.get(op, lambda io, path: io.listdir(os.path.dirname(path)))
    with backends.open_io(backend, "test", RUNS_OUT) as io:
        io.lstat("/")
        fs.hang(op)
        start = time.monotonic()
        with pytest.raises(fileio.Timeout):
            call(io, path)
        assert RUNS_OUT <= time.monotonic() - start < SOON

        start = time.monotonic()
        for _ in range(10):
            with pytest.raises(fileio.Timeout):
                io.lstat("/")
        io.close()
        # None of them waited.
        assert time.monotonic() - start < 8
        # For ever means that also when the storage is back.
        fs.clear()
        with pytest.raises(fileio.Timeout):
            io.lstat("/")
        # That of the reader is for others, too.
        wait_until(lambda: running(io.pid) == (backend == backends.READER))


def test_hang_does_not_delay_another_mount(backend, fs, path):
    def read_hung():
        with choose.open(backend, "hung", 60) as io:
            io.readfile(path, True)

    fs.hang("read")
    thread = threading.Thread(target=read_hung)
    thread.start()
    fs.wait_stuck("read")
    with hangfs.Hangfs() as other:
        other_path = os.path.join(other.mount, "file")
        with choose.open(backend, "other", 60) as io:
            io.touch(other_path, 0o600)
            io.writefile(other_path, b"data")
            assert io.readfile(other_path, True) == b"data"
    assert thread.is_alive() and fs.stuck("read")
    fs.clear()
    thread.join()


@backends.reading
def test_threads_that_share_it_time_out_together(backend, fs, path):
    def call():
        with pytest.raises(fileio.Timeout):
            io.readfile(path)
        ends.append(time.monotonic())

    ends = []
    fs.hang("read")
    with backends.open_io(backend, "test", RUNS_OUT) as io:
        io.lstat("/")
        start = time.monotonic()
        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(ends) == 3
    assert max(ends) - start < 10


def test_reader_is_killed_by_timeout(backend, fs, path):
    # Not direct: the kernel lets a process be killed that waits for a page.
    fs.hang("read")
    with choose.open(backend, "test", RUNS_OUT) as io:
        with pytest.raises(fileio.Timeout):
            io.readfile(path)
        wait_until(lambda: not running(io.pid))
    assert fs.stuck("read")


def test_change_is_finished_after_timeout(backend, fs, path):
    # Who is killed in the first step does not come to the second one.
    fs.hang("truncate")
    with choose.open(backend, "test", RUNS_OUT) as io:
        with pytest.raises(fileio.Timeout):
            io.writefile(path, b"new data")
    time.sleep(0.5)
    assert running(io.pid)
    fs.clear()
    wait_until(lambda: not running(io.pid))
    with open(os.path.join(fs.root, "file")) as f:
        assert f.read() == "new data"


@backends.reading
def test_interrupted_call_ends_the_child(backend, fs, path):
    def interrupt(*args):
        raise KeyboardInterrupt

    fs.hang("read")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with backends.open_io(backend, "test", 10) as io:
            io.lstat("/")
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                io.readfile(path)
            # It must not get the answer of the call before.
            fs.clear()
            with pytest.raises(fileio.Closed, match="KeyboardInterrupt"):
                io.readfile("/dev/null")
    finally:
        signal.signal(signal.SIGALRM, before)


@backends.with_calls("op", ["read", "truncate"], "read")
def test_close_while_a_thread_waits(backend, fs, path, op):
    ends = []
    changes = op == "truncate"

    def call():
        try:
            io.writefile(path, b"new data") if changes else io.readfile(path)
        except (fileio.Closed, fileio.Timeout):
            ends.append(time.monotonic())

    fs.hang(op)
    io = backends.open_io(backend, "test", 2 * SOON)
    thread = threading.Thread(target=call)
    thread.start()
    fs.wait_stuck(op)
    start = time.monotonic()
    io.close()
    with pytest.raises(fileio.Closed):
        io.lstat("/")
    assert time.monotonic() - start < SOON
    thread.join()
    assert ends[0] - start < SOON
    alone = backend != backends.READER
    if not changes:
        wait_until(lambda: running(io.pid) != alone)
        assert fs.stuck(op)
    fs.clear()
    wait_until(lambda: running(io.pid) != alone)
    with open(os.path.join(fs.root, "file")) as f:
        assert f.read() == ("new data" if changes else "data")
