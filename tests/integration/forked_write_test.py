# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who has the lease where processes are forked: those of a writer, and nobody
else. lease/connection.py tells why.
"""

import contextlib
import os
import signal
import socket

import pytest

from tests.support.processes import proc
from tests.support.storage.writerfixtures import Domain
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.change import write
from vdsm_backup.cli import changes
from vdsm_backup.processes import forks, spawn

pytest_plugins = ["tests.support.storage.writerfixtures"]

NAMES = {
    "fork server": "vdsm_backup.processes.fork_server",
    "writer": "vdsm_backup.change.writer",
    "worker": "vdsm_backup.fileio.worker",
    "ioprocess": "libexec/ioprocess",
    "script": "tests.support.processes.ending",
}


@pytest.fixture
def server():
    """Its pid."""
    with forks.up(changes.USERS_TOO):
        (pid,) = proc.find(os.getpid(), NAMES["fork server"])
        yield pid


def has_open(pid, fd):
    """Whether a process has what is our descriptor."""
    wanted, directory = os.readlink(f"/proc/self/fd/{fd}"), f"/proc/{pid}/fd"
    for number in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"{directory}/{number}") == wanted:
                return True
    return False


def owners(fd):
    """The names of those below this process that have it."""
    return sorted(
        name
        for name, word in NAMES.items()
        for pid in proc.find(os.getpid(), word)
        if has_open(pid, fd)
    )


@contextlib.contextmanager
def older_child():
    """That was forked before the writer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        fd = theirs.fileno()
        spawn.start(NAMES["script"], [str(fd), "return"], pass_fds=[fd])
        ours.recv(1)
        yield


def test_who_has_the_lease(mount, backend, held, server):
    domain = Domain(mount, backend)
    found = {}

    def look(step):
        # One that is forked from now on has it not either.
        with older_child():
            found[step] = owners(held.fd)

    with older_child():
        assert domain.write(held, look) == domain.new
    worker = {"embedded": "worker", "installed": "ioprocess"}[backend]
    # After "confirm" the writer may have ended.
    found.pop("confirm")
    assert len(found) > 3
    for step, names in found.items():
        assert names == sorted(["writer", worker]), step
    held.release()
    # The server is there, and so the lease would be.
    wait_until(held.ended)
    assert proc.alive(server)


def test_no_worker_has_the_socket_to_the_tool(mount, held, server):
    """The end of the writer is seen while its worker is stuck."""
    domain = Domain(mount, "embedded")
    killed = []

    def kill(step):
        if step == "check":
            (writer,) = proc.find(os.getpid(), NAMES["writer"])
            (worker,) = proc.find(writer, NAMES["worker"])
            proc.stop([worker])
            killed.append(worker)
            os.kill(writer, signal.SIGKILL)

    with pytest.raises(errors.WriteFailed, match="was killed"):
        domain.write(held, kill)
    held.release()
    assert not held.ended()
    proc.kill(killed)
    wait_until(held.ended)


def test_a_writer_that_cannot_be_started(mount, held, monkeypatch):
    domain = Domain(mount, "embedded")

    def start(*args, **options):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(write.spawn, "start", start)
    with pytest.raises(errors.WriteFailed, match="cannot be started") as e:
        domain.write(held)
    assert e.value.step == "start"
    assert domain.storage.read() == domain.old
