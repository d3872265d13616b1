# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes of block domains that go wrong, with the real lvm."""

import contextlib
import fcntl
import multiprocessing
import os
import select
import subprocess
import threading
import time

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain
from tests.support.storage.blocktools import (
    flagged,
    needs_block,
    no_step,
    seqno,
    storage,
    vgchange_is,
)
from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.metadata import encoding
from vdsm_backup.metadata import lines as md_lines

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.storage.faultydevice",
]
pytestmark = [
    pytest.mark.slow("lvm is started again and again, and hangs"),
    needs_block,
]

# A vgchange that goes wrong


def test_vgchange_that_fails(block_domain):
    old = block_domain.lines()
    with vgchange_is(
        block_domain.dir, "echo 'No space, sorry.' >&2", "exit 5"
    ):
        with pytest.raises(errors.WriteFailed, match="No space, sorry."):
            storage(block_domain).write(old, flagged(block_domain), no_step)
    assert block_domain.lines() == old


def test_vgchange_that_fails_after_it_was_done(block_domain):
    with vgchange_is(block_domain.dir, '$LVM "$@"', "kill -9 $$"):
        storage(block_domain).write(
            block_domain.lines(), flagged(block_domain), no_step
        )
    assert block_domain.lines() == flagged(block_domain)


def test_vgchange_that_does_nothing_and_says_it_did(block_domain):
    old = block_domain.lines()
    with vgchange_is(block_domain.dir, "exit 0"):
        with pytest.raises(errors.WriteFailed, match="changed nothing"):
            storage(block_domain).write(old, flagged(block_domain), no_step)


def test_stale_deltag_is_seen(block_domain):
    """Deleting a tag that is gone is no error for lvm."""

    def somebody_else(name):
        if name == "commit":
            tag = encoding.encode_tag(md_lines.flush(block_domain.values)[-1])
            block_domain.change_tags(delete=[tag], add=["MDT__SHA_CKSUM=0"])

    with pytest.raises(errors.DamagedMetadata):
        storage(block_domain).write(
            block_domain.lines(), flagged(block_domain), somebody_else
        )


@pytest.mark.parametrize("old", ["sealed", "not sealed"])
def test_vgchange_of_a_host_that_was_frozen_before_it(block_domain, old):
    """Its lease has expired, and another host has changed the metadata."""
    if old == "not sealed":
        seal = encoding.encode_tag(md_lines.flush(block_domain.values)[-1])
        block_domain.change_tags(delete=[seal], add=["MDT_MINE=1"])
    before = block_domain.lines()
    theirs = flagged(block_domain, BACKUP_REASON="of the other")

    def other_host_changes_it(name):
        if name == "commit":
            storage(block_domain).write(before, theirs, no_step)

    ours = flagged(block_domain, BACKUP_REASON="of the frozen one")
    with pytest.raises(errors.Error) as e:
        storage(block_domain).write(before, ours, other_host_changes_it)
    if old == "sealed":
        assert isinstance(e.value, errors.OutcomeUnknown)
        assert "somebody else has changed it" in str(e.value)
    else:
        # Nothing tells lvm which metadata is meant, so we look once more.
        assert isinstance(e.value, errors.MetadataChanged)
    assert block_domain.lines() == theirs


# The lock that lvm has on this host


@contextlib.contextmanager
def lock_of_lvm(domain):
    """As another command has it that writes."""
    locks = os.path.join(os.environ["LVM_SYSTEM_DIR"], "locks")
    with open(os.path.join(locks, f"V_{domain.sd_id}"), "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield held


def test_lock_that_another_command_has_all_the_time(block_domain):
    """Nothing is written then, and that is what is said."""
    old = block_domain.lines()
    before = seqno(block_domain)
    steps = []
    with contextlib.ExitStack() as stack:

        def lock(step):
            steps.append(step)
            if step == "commit":
                stack.enter_context(lock_of_lvm(block_domain))

        with pytest.raises(errors.WriteFailed) as e:
            storage(block_domain, timeout=8).write(
                old, flagged(block_domain), lock
            )
    assert e.value.step == "lock"
    assert "another command of this host has LVM's lock" in str(e.value)
    assert steps == ["compare", "commit"]
    assert block_domain.lines() == old
    assert seqno(block_domain) == before


def test_lock_that_another_command_has_for_a_moment(block_domain):
    old, new = block_domain.lines(), flagged(block_domain)
    timers = []

    def lock(step):
        if step == "commit":
            stack = contextlib.ExitStack()
            stack.enter_context(lock_of_lvm(block_domain))
            timers.append(threading.Timer(1, stack.close))
            timers[0].start()

    storage(block_domain).write(old, new, lock)
    timers[0].join()
    assert block_domain.lines() == new


# Killed in the middle


def missing_strace():
    command = ["strace", "-o", "/dev/null", "true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        return "needs strace"
    return f"strace does not work: {done.stderr}" if done.returncode else ""


@pytest.mark.skipif(bool(missing_strace()), reason=missing_strace())
def test_killed_at_each_call_that_writes_or_waits(block_dir):
    """
    lvm 2.03 writes by libaio: SIGKILL when it enters each io_submit and each
    io_getevents leaves the old tags or the new ones, and the VG usable.
    """
    outcomes = {}
    with contextlib.closing(BlockDomain(block_dir)) as domain:
        for call in ("io_submit", "io_getevents"):
            for n in range(1, 100):
                value = f"{call}-{n}"
                inject = f"inject={call}:signal=KILL:when={n}"
                command = f"exec strace -f -o {domain.dir}/st -e {inject} "
                old, new = domain.lines(), flagged(domain, value)
                outcome = "new"
                with vgchange_is(domain.dir, command + '$LVM "$@"'):
                    try:
                        storage(domain).write(old, new, no_step)
                    except errors.WriteFailed as e:
                        assert "signal 9" in str(e)
                        outcome = "old"
                # Exactly one of the two, sealed, and so it stays.
                assert domain.lines() == (new if outcome == "new" else old)
                with open(f"{domain.dir}/st") as f:
                    killed = "killed by SIGKILL" in f.read()
                outcomes.setdefault((outcome, killed), []).append(value)
                if not killed:
                    break
        # It was killed before the commit and after it.
        assert outcomes[("old", True)] and outcomes[("new", True)]
        assert len(outcomes[("new", False)]) == 2
        final = flagged(domain, "False")
        storage(domain).write(domain.lines(), final, no_step)
        assert domain.lines() == final


# Readers beside a writer

CHANGES = 50


def test_readers_on_other_hosts_never_see_a_torn_flag(block_domain, block_dir):
    """
    Locks of lvm are of one host: a reader with other locks is another host.
    """
    domain = block_domain
    fork = multiprocessing.get_context("fork")
    stop, (results, theirs) = fork.Event(), fork.Pipe(duplex=False)
    system_dir = loop.lvm_system_dir(block_dir, "lvm-other-host")
    reader = fork.Process(
        target=_read_until, args=(domain, system_dir, stop, theirs)
    )
    reader.start()
    try:
        ours = storage(domain)
        for n in range(CHANGES):
            lines = flagged(domain, str(bool(n % 2)), BACKUP_REASON=str(n))
            ours.write(domain.lines(), lines, no_step)
    finally:
        stop.set()
    seen, problems = results.recv()
    reader.join()
    assert problems == []
    # The test means something only if it read between the changes.
    assert len(seen) > CHANGES / 10
    assert seen == sorted(seen)


def _read_until(domain, system_dir, stop, results):
    os.environ["LVM_SYSTEM_DIR"] = system_dir
    seen, problems = [], []
    while not stop.is_set():
        try:
            lines = storage(domain).read()
            values = md_lines.require(lines, domain.sd_id).values
            seen.append(int(values.get("BACKUP_REASON", -1)))
        except errors.Error as e:
            problems.append(str(e))
    results.send((seen, problems))


# A device that hangs

# Seconds for lvm, which before the device hangs must answer in a part of it.
TIMEOUT = 8


@needs_fuse
def test_stuck_vgchange_is_left_alone_and_keeps_the_lease(
    block_domain, faulty
):
    """
    Nobody can kill it, so nobody can say what it will have done; what it has
    as stdin is the registration of the lease.
    """
    replica = faulty(block_domain.files[0])
    devices = [replica.path, block_domain.devices[1]]
    ours = storage(block_domain, devices, timeout=TIMEOUT)
    readable, writable = os.pipe()
    ours._lvm._stdin = readable
    old = ours.read()

    def hang(step):
        if step == "commit":
            replica.hang("read")

    start = time.monotonic()
    with pytest.raises(errors.StorageTimeout, match="vgchange"):
        ours.write(old, flagged(block_domain), hang)
    assert time.monotonic() - start < TIMEOUT + lvm_command.GRACE + 20
    os.close(readable)
    assert not _has_no_reader(writable, timeout=0.5)
    replica.fs.clear()
    assert _has_no_reader(writable, timeout=10)
    os.close(writable)
    now = storage(block_domain, devices).read()
    assert now in (old, flagged(block_domain))


def _has_no_reader(writable, timeout):
    poll = select.poll()
    poll.register(writable, 0)
    events = poll.poll(timeout * 1000)
    return bool(events) and bool(events[0][1] & select.POLLERR)
