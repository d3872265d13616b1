# SPDX-License-Identifier: GPL-2.0-or-later
"""
The child of fileio: which one, as whom, and its end. Both backends.
"""

import os
import select
import signal
import sys
import threading

import pytest

from tests.support import rundir
from tests.support.hooks.needs import needs_other_user
from tests.support.processes import proc
from tests.support.storage import backends
from tests.support.waiting import wait_until
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose


def test_auto_takes_ioprocess_where_it_is(tmp_path):
    with choose.open("auto", "test", 10) as io:
        name = type(io).__name__
        assert io.listdir(str(tmp_path)) == []
    installed = backends.MISSING is None
    assert name == ("InstalledFileIO" if installed else "EmbeddedFileIO")


def test_threads_share_it(io, tmp_path):
    def call(data):
        path = str(tmp_path / str(len(data)))
        io.touch(path, 0o600)
        for _ in range(50):
            io.writefile(path, data)
            if io.readfile(path) == data:
                good.append(data)

    good = []
    threads = [
        threading.Thread(target=call, args=(b"x" * 70000 * n,))
        for n in range(1, 5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(good) == 200


def test_close(backend):
    io = choose.open(backend, "test", 10)
    io.lstat("/")
    io.close()
    io.close()
    with pytest.raises(fileio.Closed):
        io.lstat("/")
    wait_until(lambda: not proc.running(io.pid))


@backends.with_calls("op", ["lstat", "fsyncPath"], "lstat")
def test_child_killed_in_a_call(io, op):
    io.lstat("/")
    proc.stop([io.pid])
    threading.Timer(0.3, os.kill, (io.pid, signal.SIGKILL)).start()
    with pytest.raises(fileio.Closed):
        getattr(io, op)("/")
    with pytest.raises(fileio.Closed):
        io.lstat("/")


@backends.reading
def test_child_killed_between_calls(io):
    io.lstat("/")
    os.kill(io.pid, signal.SIGKILL)

    def closed():
        # ioprocess may have been started again just in time for one call.
        try:
            io.lstat("/")
        except fileio.Closed:
            return True

    wait_until(closed)
    with pytest.raises(fileio.Closed):
        io.lstat("/")


@needs_other_user
def test_child_has_our_effective_user(backend):
    base = rundir.make("fileio")
    try:
        os.chown(base, 36, 36)
        with backends.run("touch_as_vdsm", backend, 10, base) as one:
            assert one.communicate(timeout=20) == ("", "refused\n")
        st = os.lstat(base + "/new")
        assert (st.st_uid, st.st_gid) == (36, 36)
    finally:
        rundir.remove(base)


@pytest.mark.skipif(
    backends.MISSING is not None, reason=f"ioprocess: {backends.MISSING}"
)
def test_ioprocess_is_silent(tmp_path):
    # A name that its client cannot decode.
    os.mkdir(os.fsencode(tmp_path) + b"/\xff")
    with backends.run("list_directory", "installed", 10, tmp_path) as one:
        assert one.communicate(timeout=20) == ("", "")
    assert one.returncode == 7


@pytest.mark.skipif(
    backends.MISSING is not None, reason=f"ioprocess: {backends.MISSING}"
)
def test_ioprocess_writes_to_nothing_of_ours():
    # Its client may write a byte to a descriptor that it has closed.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(200):
            with choose.open("installed", "test", 10) as io:
                io.lstat("/")
                io.lstat("/")
            pipes = [os.pipe() for _ in range(8)]
            ends = [reader for reader, _ in pipes]
            assert select.select(ends, [], [], 0.005)[0] == []
            for fd in sum(pipes, ()):
                os.close(fd)
    finally:
        sys.setswitchinterval(interval)


def test_worker_is_in_nobodys_way(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with choose.open("embedded", "test", 10) as io:
        io.lstat("/")
        assert os.readlink(f"/proc/{io.pid}/cwd") == "/"
