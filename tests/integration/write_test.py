# SPDX-License-Identifier: GPL-2.0-or-later
"""The writer process on file domains: each process killed before each step."""

import contextlib
import json
import os

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_fuse
from tests.support.lease.socketlease import SocketLease
from tests.support.processes import proc
from tests.support.storage.filewriting import (
    BEFORE_CONFIRM,
    STEPS,
    at,
    temporaries,
)
from tests.support.storage.writerfixtures import WORKERS, Domain, meanwhile
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.change.world import Unsettled

pytest_plugins = ["tests.support.storage.writerfixtures"]


def kill_below(*words):
    """Kill what runs below this process; wait until it is gone."""

    def action():
        found = proc.find(os.getpid(), *words)
        assert found, f"nobody to kill: {words}"
        proc.kill(found)
        wait_until(lambda: not any(map(proc.alive, found)))

    return action


def test_write(mount, backend, held):
    domain = Domain(mount, backend)
    steps = []
    assert domain.write(held, steps.append) == domain.new
    assert steps == STEPS
    assert domain.read() == domain.new
    held.release()
    wait_until(held.ended)


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_writer_killed_before_the_commit(mount, backend, held, step):
    domain = Domain(mount, backend)
    with pytest.raises(errors.WriteFailed) as e:
        domain.write(held, at(step, kill_below("vdsm_backup.change.writer")))
    assert "killed" in str(e.value)
    held.release()
    wait_until(held.ended)
    assert domain.read() == domain.old
    # Another change finds nothing in its way, and leaves nothing behind.
    with contextlib.closing(SocketLease()) as again:
        domain.write(again)
    assert domain.read() == domain.new
    assert temporaries(mount, domain.sd_id) == []


@needs_fuse
@pytest.mark.parametrize("op", ["rename", "fsyncdir"])
def test_writer_killed_after_the_commit(hang, backend, held, op):
    domain = Domain(hang.mount, backend)
    hang.hang(op)

    def kill_when_stuck():
        hang.wait_stuck(op)
        kill_below("vdsm_backup.change.writer")()

    with meanwhile(kill_when_stuck), pytest.raises(Unsettled) as e:
        domain.write(held)
    assert not e.value.ended
    held.release()
    # The child goes on with what it began, and has the lease until then.
    assert not held.ended()
    hang.clear()
    wait_until(held.ended)
    assert domain.read() == domain.new


@pytest.mark.parametrize("step", BEFORE_CONFIRM[1:])
def test_worker_killed_before_the_commit(mount, backend, held, step):
    domain = Domain(mount, backend)
    ours = proc.find(os.getpid(), *WORKERS)

    def kill_the_writers():
        found = proc.find(os.getpid(), *WORKERS)
        assert set(found) - set(ours)
        proc.kill(set(found) - set(ours))
        wait_until(lambda: not any(map(proc.alive, set(found) - set(ours))))

    with pytest.raises(errors.WriteFailed):
        domain.write(held, at(step, kill_the_writers))
    held.release()
    wait_until(held.ended)
    assert domain.read() == domain.old


@pytest.mark.parametrize("step", STEPS)
def test_tool_killed(mount, backend, held, step):
    domain = Domain(mount, backend)
    tool = programs.run(
        "tests.support.processes.dying_tool",
        *(mount, domain.sd_id, backend, step, held.fd),
        input=json.dumps([domain.old, domain.new]),
        pass_fds=[held.fd],
    )
    assert tool.returncode == -9
    held.release()
    wait_until(held.ended)
    # Killed at "commit", the tool has not given the word.
    expected = domain.new if step == "confirm" else domain.old
    assert domain.read() == expected


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_lease_lost_before_the_commit(mount, backend, held, step):
    domain = Domain(mount, backend)
    with pytest.raises(errors.LeaseLost):
        domain.write(held, at(step, lambda: setattr(held, "lost", True)))
    assert domain.read() == domain.old
