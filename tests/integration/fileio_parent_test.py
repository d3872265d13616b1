# SPDX-License-Identifier: GPL-2.0-or-later
"""
The contract of fileio when its process ends while storage hangs.
"""

import os
import select
import signal
import time

import pytest

from tests.support.processes.proc import running
from tests.support.storage import backends, hangfs
from tests.support.waiting import RUNS_OUT, SOON, wait_until

pytestmark = [
    pytest.mark.skipif(
        hangfs.missing() is not None, reason=str(hangfs.missing())
    ),
]


def start_user(backend, timeout, *args, function="call", **options):
    """The process, and its child, which makes the call on the hung mount."""
    proc = backends.run(function, backend, timeout, *args, **options)
    return proc, int(proc.stderr.readline())


@backends.with_calls("call", ["readfile", "rename"], "readfile")
def test_exit_after_timeout(backend, fs, path, call):
    op = {"readfile": "read"}.get(call, call)
    fs.hang(op)
    args = [path, path + ".new"] if call == "rename" else [path, "direct"]
    proc, child = start_user(backend, RUNS_OUT, call, *args)
    with proc:
        # Until the end of both pipes, as `vdsm-backup-domain ... | cat` waits.
        out, err = proc.communicate(timeout=SOON)
    assert out == ""
    assert "Timeout" in err
    assert proc.returncode == 1
    assert fs.stuck(op) and running(child)


@backends.reading
def test_exit_while_a_thread_waits(backend, fs, path):
    fs.hang("read")
    with backends.run("read_in_a_thread", backend, 1000, path) as proc:
        fs.wait_stuck("read")
        assert proc.communicate(timeout=SOON) == ("", "end\n")
    assert proc.returncode == 0
    assert fs.stuck("read")


def test_child_finishes_when_the_parent_is_killed(backend, fs, path):
    fs.hang("rename")
    proc, child = start_user(backend, 1000, "rename", path, path + ".new")
    with proc:
        fs.wait_stuck("rename")
        proc.kill()
        proc.wait()
    time.sleep(0.5)
    assert running(child)
    assert os.listdir(fs.root) == ["file"]
    fs.clear()
    wait_until(lambda: not running(child))
    assert os.listdir(fs.root) == ["file.new"]


def test_change_of_two_steps_when_the_parent_is_killed(backend, fs, path):
    # A process that was killed in the first step would not come to the next.
    fs.hang("truncate")
    with backends.run("write", backend, 1000, path) as proc:
        child = int(proc.stderr.readline())
        fs.wait_stuck("truncate")
        proc.kill()
        proc.wait()
    time.sleep(0.5)
    fs.clear()
    wait_until(lambda: not running(child))
    with open(os.path.join(fs.root, "file")) as f:
        assert f.read() == "new data"


def test_child_finishes_after_ctrl_c(backend, fs, path):
    fs.hang("truncate")
    with backends.run("write_in_a_group", backend, 1000, path) as proc:
        child = int(proc.stderr.readline())
        fs.wait_stuck("truncate")
        os.killpg(proc.pid, signal.SIGINT)
        assert "KeyboardInterrupt" in proc.communicate(timeout=SOON)[1]
    time.sleep(0.5)
    assert running(child)
    fs.clear()
    wait_until(lambda: not running(child))
    with open(os.path.join(fs.root, "file")) as f:
        assert f.read() == "new data"


@backends.reading
def test_idle_child_ends_with_its_parent(backend):
    with backends.run("stay", backend, 10) as proc:
        child = int(proc.stderr.readline())
        proc.kill()
    wait_until(lambda: not running(child))


def test_child_holds_descriptor_1_until_it_ends(backend, fs, path):
    fs.hang("rename")
    ours, theirs = os.pipe()
    try:
        proc, child = start_user(
            backend,
            1000,
            "rename",
            path,
            path + ".new",
            function="call_with_stdout",
            stdout=theirs,
        )
        os.close(theirs)
        with proc:
            fs.wait_stuck("rename")
            proc.kill()
            proc.wait()
        # Readable means the end of the file: nobody has the other side.
        assert select.select([ours], [], [], 0.5)[0] == []
        assert running(child)
        fs.clear()
        assert select.select([ours], [], [], 10)[0] == [ours]
        assert os.read(ours, 1) == b""
    finally:
        os.close(ours)
