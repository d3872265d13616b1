# SPDX-License-Identifier: GPL-2.0-or-later
"""
The writer process on file domains: each process killed before each step.

The lease is played by a socket: what matters here is who has it, and for how
long. lease_test.py shows that sanlock goes by exactly that.
"""

import errno
import json
import os
import signal
import socket
import threading
import time

import pytest

from tests.support import programs
from tests.support.hooks.needs import needs_fuse
from tests.support.processes import proc
from tests.support.storage import filedomain
from tests.support.storage.filewriting import BEFORE_CONFIRM, STEPS, at
from tests.support.storage.overlapping import KINDS, FileVdsm, assert_merged
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup import errors
from vdsm_backup.change import write
from vdsm_backup.change.world import Unsettled
from vdsm_backup.fileio import choose
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage.file import FileStorage

TIMEOUT = RUNS_OUT


class Held:
    """A lease that is a socket; `ended` tells when nobody has it."""

    def __init__(self):
        self._watch, self._lease = socket.socketpair()
        self.fd = self._lease.fileno()
        self.lost = False

    def check(self):
        if self.lost:
            raise errors.LeaseLost("the domain")

    def is_certain(self):
        return True

    def release(self):
        self._lease.close()

    def ended(self):
        self._watch.setblocking(False)
        try:
            return self._watch.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self):
        self._lease.close()
        self._watch.close()


@pytest.fixture
def held():
    held = Held()
    yield held
    held.close()


class Domain:
    def __init__(self, mount, backend):
        self.mount = mount
        self.backend = backend
        self.sd_id = filedomain.make(mount)
        self.storage = self.open()
        self.old = self.storage.read()
        self.new = md_lines.flush(
            {**md_lines.parse(self.old).values, "BACKUP": "True"}
        )

    def open(self):
        io = choose.open(self.backend, self.mount, TIMEOUT)
        directory = os.path.join(self.mount, self.sd_id)
        return FileStorage(self.sd_id, directory, io, TIMEOUT)

    def write(self, held, on_step=lambda name: None):
        return write.run(
            *(self.storage, self.old, self.new, held, TIMEOUT), on_step
        )

    def read(self):
        """By a fresh process, as others see it."""
        return self.open().read()


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
    again = Held()
    domain.write(again)
    again.close()
    assert domain.read() == domain.new
    names = os.listdir(os.path.join(mount, domain.sd_id, "dom_md"))
    assert not [name for name in names if name.startswith("metadata.new")]


@needs_fuse
@pytest.mark.parametrize("op", ["rename", "fsyncdir"])
def test_writer_killed_after_the_commit(hang, backend, held, op):
    domain = Domain(hang.mount, backend)
    hang.hang(op)

    def kill_when_stuck():
        hang.wait_stuck(op)
        kill_below("vdsm_backup.change.writer")()

    killer = threading.Thread(target=kill_when_stuck)
    killer.start()
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    killer.join()
    assert not e.value.ended
    held.release()
    # The child goes on with what it began, and has the lease until then.
    assert not held.ended()
    hang.clear()
    wait_until(held.ended)
    assert domain.read() == domain.new


WORKERS = ("vdsm_backup.fileio.worker", "libexec/ioprocess")


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


@needs_fuse
def test_lease_lives_as_long_as_a_stuck_write(hang, backend, held):
    domain = Domain(hang.mount, backend)
    hang.hang("rename")
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert not e.value.ended
    held.release()
    time.sleep(1)
    assert not held.ended()
    hang.clear()
    wait_until(held.ended)
    assert domain.read() == domain.new


@needs_fuse
@pytest.mark.parametrize("op", ["write", "fsync"])
def test_lease_lives_as_long_as_a_stuck_preparation(hang, backend, held, op):
    domain = Domain(hang.mount, backend)
    hang.hang(op, "metadata.new")
    with pytest.raises(errors.StorageTimeout):
        domain.write(held)
    held.release()
    time.sleep(1)
    assert not held.ended()
    hang.clear()
    wait_until(held.ended)
    assert domain.read() == domain.old


@needs_fuse
@pytest.mark.parametrize("code", [errno.ESTALE, errno.ENOSPC, errno.EROFS])
def test_rename_that_is_refused_has_ended(hang, backend, held, code):
    domain = Domain(hang.mount, backend)
    hang.fail("rename", code)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert e.value.ended and e.value.failed
    assert str(e.value.cause) == os.strerror(code)


@needs_fuse
@pytest.mark.parametrize("code", [errno.EIO, errno.ETIMEDOUT])
def test_rename_that_fails_may_still_come(hang, backend, held, code):
    domain = Domain(hang.mount, backend)
    hang.fail("rename", code)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert not e.value.ended
    assert os.strerror(code) in str(e.value.cause)


@needs_fuse
def test_fsync_of_the_directory_that_fails(hang, backend, held):
    """The rename has come back, and somebody is told."""
    domain = Domain(hang.mount, backend)
    hang.fail("fsyncdir", errno.EIO)
    with pytest.raises(Unsettled) as e:
        domain.write(held)
    assert e.value.ended and not e.value.failed
    assert e.value.cause.startswith("confirm failed: fsync of ")
    assert domain.read() == domain.new


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_frozen_while_another_host_changes_it(mount, backend, held, step):
    """The lease is no help: it has expired, and nobody was told."""
    domain = Domain(mount, backend)
    theirs = md_lines.flush(
        {**md_lines.parse(domain.old).values, "BACKUP": "False"}
    )
    before = proc.children(os.getpid())

    def freeze():
        found = proc.find(os.getpid(), "vdsm_backup.change.writer", *WORKERS)
        frozen = set(found) - set(before)
        assert frozen
        proc.kill(frozen, signal.SIGSTOP)
        try:
            wait_until(lambda: all(map(proc.stopped, frozen)))
            domain.open().write(domain.old, theirs, lambda step: None)
        finally:
            proc.kill(frozen, signal.SIGCONT)

    failures = (errors.WriteFailed, errors.MetadataChanged, Unsettled)
    with pytest.raises(failures) as e:
        domain.write(held, at(step, freeze))
    if isinstance(e.value, Unsettled):
        assert e.value.ended and e.value.failed
    held.release()
    wait_until(held.ended)
    assert domain.read() == theirs


@needs_fuse
def test_rename_that_is_on_its_way_while_another_host_changes_it(
    hang, backend, held
):
    domain = Domain(hang.mount, backend)
    theirs = md_lines.flush(
        {**md_lines.parse(domain.old).values, "BACKUP": "False"}
    )
    # Past the mount that hangs, as another host would.
    other = Domain.__new__(Domain)
    other.mount, other.backend, other.sd_id = hang.root, backend, domain.sd_id

    def thaw():
        hang.clear()
        wait_until(lambda: not hang.stuck("rename"))

    def change():
        hang.wait_stuck("rename")
        # Just when the other one has renamed, too.
        other.open().write(domain.old, theirs, at("confirm", thaw))

    hang.hang("rename")
    changing = threading.Thread(target=change)
    changing.start()
    with pytest.raises(Unsettled):
        domain.write(held)
    changing.join()
    held.release()
    wait_until(held.ended)
    assert other.read() == theirs


@needs_fuse
def test_stuck_old_writer_cannot_change_what_a_newer_one_wrote(
    hang, backend, held
):
    domain = Domain(hang.mount, backend)
    hang.hang("write", "metadata.new")
    with pytest.raises(errors.StorageTimeout):
        domain.write(held)
    newer = md_lines.flush(
        {**md_lines.parse(domain.old).values, "BACKUP": "False"}
    )
    # Past the mount that hangs, as another host would.
    other = Domain.__new__(Domain)
    other.mount, other.backend, other.sd_id = hang.root, backend, domain.sd_id
    other.open().write(domain.old, newer, lambda step: None)
    hang.clear()
    held.release()
    wait_until(held.ended)
    assert domain.read() == newer


# VDSM, which has no lease: overlap_file_test.py has all the rest of it


class Vdsm(FileVdsm):
    """It writes once, and had read the domain before."""

    def __init__(self, domain, mount=None):
        path = filedomain.path(mount or domain.mount, domain.sd_id)
        super().__init__(path, KINDS["pool creation"])
        self.refresh()

    def write(self):
        if not self.written:
            self.begin()
            self.end()


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_vdsm_writes_before_the_last_look(mount, backend, held, step):
    """The change starts again, with a writer of its own."""
    domain = Domain(mount, backend)
    vdsm, steps = Vdsm(domain), []

    def on_step(name):
        steps.append(name)
        if name == step:
            vdsm.write()

    written = domain.write(held, on_step)
    assert steps[-len(STEPS) :] == STEPS and len(steps) > len(STEPS)
    assert domain.read() == written
    assert_merged(domain.sd_id, written, domain.new, vdsm._changes)


@needs_fuse
def test_vdsm_writes_after_the_rename(hang, backend, held):
    domain = Domain(hang.mount, backend)
    vdsm = Vdsm(domain, hang.root)

    def write_when_stuck():
        hang.wait_stuck("fsyncdir")
        vdsm.write()
        hang.clear()

    hang.hang("fsyncdir")
    writing = threading.Thread(target=write_when_stuck)
    writing.start()
    written = domain.write(held)
    writing.join()
    assert vdsm.written
    assert domain.read() == written
    assert_merged(domain.sd_id, written, domain.new, vdsm._changes)


@needs_fuse
def test_lease_lost_when_vdsm_has_written(hang, backend, held):
    """Then VDSM's metadata stays as it is."""
    domain = Domain(hang.mount, backend)
    vdsm = Vdsm(domain, hang.root)

    def write_when_stuck():
        hang.wait_stuck("fsyncdir")
        vdsm.write()
        held.lost = True
        hang.clear()

    hang.hang("fsyncdir")
    writing = threading.Thread(target=write_when_stuck)
    writing.start()
    with pytest.raises(Unsettled):
        domain.write(held)
    writing.join()
    assert domain.read() == vdsm.written


@pytest.mark.parametrize("step", BEFORE_CONFIRM)
def test_lease_lost_while_both_are_merged(mount, backend, held, step):
    domain = Domain(mount, backend)
    vdsm = Vdsm(domain)

    def on_step(name):
        if vdsm.written and name == step:
            held.lost = True
        elif name == "compare":
            vdsm.write()

    with pytest.raises(errors.LeaseLost):
        domain.write(held, on_step)
    assert domain.read() == vdsm.written
