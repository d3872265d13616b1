# SPDX-License-Identifier: GPL-2.0-or-later
"""
Children that a warm interpreter forks. What each one has is in spawn_test.py.
"""

import contextlib
import copy
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from tests.support import programs
from tests.support.processes import proc
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup.processes import forked, forks, spawn
from vdsm_backup.processes.fork_server import MAX_MESSAGE

ENDING = "tests.support.processes.ending"
SERVER = "vdsm_backup.processes.fork_server"
# A file that is open in leaving.py.
LEFT = "/dev/zero"


@pytest.fixture
def server():
    """Its pid."""
    with forks.up([ENDING]):
        (pid,) = proc.find(os.getpid(), SERVER)
        yield pid


@contextlib.contextmanager
def child(*how):
    """A child that waits for a word."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = theirs.fileno()
        started = spawn.start(ENDING, [str(fd), *how], pass_fds=[fd])
        theirs.close()
        yield started, ours
    started.kill()
    started.wait()


@pytest.mark.parametrize(
    "how, status",
    [("return", 0), ("exit 3", 3), ("exit", 0), ("say", 1), ("raise", 1)],
)
def test_status(server, how, status):
    with child(*how.split()) as (started, sock):
        assert started.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(0.01)
        sock.send(b"x")
        assert started.wait() == started.poll() == status


def test_kill(server):
    with child("return") as (started, _):
        assert proc.parent(started.pid) == server
        started.kill()
        assert started.wait() == -signal.SIGKILL
        # Its pid may be another's now.
        started.kill()


@pytest.mark.parametrize("polled", [False, True])
def test_kill_when_the_server_is_dead(server, polled):
    """Also where it counts as killed already."""
    with child("return") as (started, sock):
        sock.recv(1)
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not proc.alive(server))
        if polled:
            assert started.poll() == -signal.SIGKILL
        assert proc.alive(started.pid)
        started.kill()
        wait_until(lambda: not proc.alive(started.pid))


def test_arguments_too_long_for_a_message(server):
    """The server would read a part of them, and end."""
    with child("return", "x" * MAX_MESSAGE) as (started, sock):
        sock.recv(1)
        assert isinstance(started, subprocess.Popen)
        sock.send(b"x")
        assert started.wait() == 0
    with child("return") as (other, _):
        assert proc.parent(other.pid) == server


def test_what_the_server_has_left_behind():
    """An object of the server closes no file of its child by its number."""
    module = "tests.support.processes.leaving"
    with forks.up([module]):
        # When it has answered, it has imported all.
        with child("return") as (other, sock):
            sock.recv(1)
            (pid,) = proc.find(os.getpid(), SERVER)
            wait_until(lambda: LEFT in files(pid))
        started = spawn.start(module)
        assert started.wait() == 0


def test_a_process_of_two_threads_is_not_forked():
    """A lock that another thread has is never released in a child."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="threads cannot be forked"):
            forked.start(ENDING, ["0", "return"])
    finally:
        done.set()
        thread.join()


def test_command_line(server):
    """As that of a child for which Python was started."""
    with child("return") as (started, sock):
        sock.recv(1)
        assert proc.find(os.getpid(), ENDING) == [started.pid]
        assert f"{ENDING} " in proc.command(started.pid)
        assert SERVER not in proc.command(started.pid)


def files(pid):
    directory = f"/proc/{pid}/fd"
    found = set()
    for fd in os.listdir(directory):
        # It may have been closed since.
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(f"{directory}/{fd}"))
    return found - {os.devnull}


def test_the_server_keeps_no_files(server):
    with child("return") as (started, sock):
        sock.recv(1)
        (given,) = files(started.pid)
        assert given not in files(server)


def test_two_children(server):
    """Neither has what the other one has."""
    with child("return") as (one, first), child("return") as (_, second):
        second.recv(1)
        first.recv(1)
        one.kill()
        assert first.recv(1) == b""


def test_the_end(server):
    with child("return") as (started, sock):
        sock.recv(1)
        spawn.warm.__self__.close()
        assert not proc.alive(server)
        assert proc.alive(started.pid)
        sock.send(b"x")
        wait_until(lambda: not proc.alive(started.pid))


def test_the_tool_is_killed():
    """The server ends by itself, and its children do not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        fd = theirs.fileno()
        process = spawn.start(SERVER, [str(fd)], pass_fds=[fd])
    ours.close()
    assert process.wait(30) == 0


def test_a_server_that_was_killed(server):
    """Who is there goes on, and Python is started for others."""
    with child("exit", "3") as (old, sock):
        sock.recv(1)
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not proc.alive(server))
        assert proc.alive(old.pid)
        with child("exit", "4") as (new, other):
            assert isinstance(new, subprocess.Popen)
            other.send(b"x")
            assert new.wait() == 4
        # Nobody knows any more.
        sock.send(b"x")
        assert old.wait() == -signal.SIGKILL


def test_a_server_that_is_killed_before_it_answers(server):
    """Nobody knows whether the child is there: there is no second one."""
    proc.stop([server])
    failed = []

    def start():
        try:
            with child("return"):
                pass
        except OSError as e:
            failed.append(e)

    thread = threading.Thread(target=start)
    thread.start()
    # It waits for the answer.
    wait_until(lambda: spawn.warm.__self__._number)
    os.kill(server, signal.SIGKILL)
    thread.join()
    assert len(failed) == 1
    assert proc.find(os.getpid(), ENDING) == []


class Interrupt(Exception):
    pass


def test_an_answer_that_nobody_waited_for(server):
    def interrupt(*_):
        raise Interrupt

    with child("exit", "3") as (one, sock), child("exit", "4") as (two, other):
        before = signal.signal(signal.SIGALRM, interrupt)
        proc.stop([server])
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interrupt):
                one.poll()
        finally:
            signal.signal(signal.SIGALRM, before)
        os.kill(server, signal.SIGCONT)
        other.send(b"x")
        assert two.wait() == 4
        sock.send(b"x")
        assert one.wait() == 3


def test_an_end_that_is_asked_for_twice(server):
    """An interrupt can keep the tool from hearing it the first time."""
    with child("exit", "3") as (started, sock):
        twin = copy.copy(started)
        sock.send(b"x")
        assert started.wait() == twin.wait() == 3
    with child("return") as (other, _):
        assert proc.parent(other.pid) == server


def test_a_server_that_is_stopped(monkeypatch):
    """It is the user's of storage to stop, and must not stop the tool."""
    # Also until it has started.
    monkeypatch.setattr(forks, "PATIENCE", RUNS_OUT)
    with forks.up([ENDING]):
        (pid,) = proc.find(os.getpid(), SERVER)
        with child("return") as (old, sock):
            proc.stop([pid])
            with pytest.raises(OSError, match=f"silent for {RUNS_OUT} sec"):
                spawn.start(ENDING, ["0"])
            assert old.poll() == -signal.SIGKILL
            with child("exit", "3") as (new, word):
                assert proc.parent(new.pid) == os.getpid()
                word.send(b"x")
                assert new.wait() == 3


def test_another_user(server, monkeypatch):
    """Its children would be the one that it is."""
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ValueError, match="user"):
        spawn.start(ENDING)


def test_after_the_context():
    with forks.up([]):
        pass
    assert spawn.warm is None
    assert proc.find(os.getpid(), SERVER) == []


def test_a_child_that_is_there_until_the_interpreter_ends():
    """The names of its module are gone when its handle goes."""
    keep = "forks.kept = forks._Handle(os.pidfd_open(1)); sys.kept = forks"
    names = "import os, sys; from vdsm_backup.processes import forks"
    done = subprocess.run(
        [sys.executable, "-c", f"{names}; {keep}"],
        env=programs.environ(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
