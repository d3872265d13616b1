# SPDX-License-Identifier: GPL-2.0-or-later
"""Who shares which read. No test waits for time to pass, but for events."""

import threading
import time
import types

import pytest

from tests.support.waiting import wait_until
from vdsm_backup.plugin import shared_reads
from vdsm_backup.plugin.shared_reads import Late, Reads

LONG = 60


class Storage:
    """Reads that end when they are told; counts them."""

    def __init__(self):
        self.started = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.value = 0
        self.reads = 0

    def read(self):
        self.reads += 1
        value = self.value
        self.started.release()
        assert self.go.acquire(timeout=LONG)
        return value


class Caller(threading.Thread):
    def __init__(self, reads, work, key="sd", timeout=LONG):
        super().__init__(daemon=True)
        self.result = self.error = None
        self._read = (reads, key, work, timeout)
        self.start()

    def run(self):
        reads, key, work, timeout = self._read
        try:
            self.result = reads.get(key, work, time.monotonic() + timeout)
        except BaseException as e:
            self.error = e

    def answer(self):
        self.join(LONG)
        assert not self.is_alive()
        if self.error:
            raise self.error
        return self.result


class Event(threading.Event):
    """How many callers a read has is not kept: its event counts them."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.waiters = 0

    def wait(self, timeout=None):
        with self.lock:
            self.waiters += 1
        try:
            return super().wait(timeout)
        finally:
            with self.lock:
                self.waiters -= 1


@pytest.fixture
def reads(monkeypatch):
    ours = types.SimpleNamespace(**{**vars(threading), "Event": Event})
    monkeypatch.setattr(shared_reads, "threading", ours)
    return Reads()


@pytest.fixture
def storage():
    return Storage()


def waiting(reads, key="sd"):
    read = reads._waiting.get(key)
    return read.done.waiters if read else 0


def test_a_read_gives_its_result(reads):
    assert reads.get("sd", lambda: 7, time.monotonic() + LONG) == 7


def test_an_error_is_raised(reads):
    def fail():
        raise ZeroDivisionError("x")

    with pytest.raises(ZeroDivisionError):
        reads.get("sd", fail, time.monotonic() + LONG)
    assert reads.get("sd", lambda: 7, time.monotonic() + LONG) == 7


def test_a_storm_costs_two_reads(reads, storage):
    first = Caller(reads, storage.read)
    assert storage.started.acquire(timeout=LONG)
    storage.value = 1
    storm = [Caller(reads, storage.read) for _ in range(50)]
    wait_until(lambda: waiting(reads) == 50)
    storage.go.release(2)
    assert first.answer() == 0
    assert [caller.answer() for caller in storm] == [1] * 50
    assert storage.reads == 2


def test_nobody_gets_a_read_that_began_before(reads, storage):
    first = Caller(reads, storage.read)
    assert storage.started.acquire(timeout=LONG)
    # The flag is set now; who comes later must see it.
    storage.value = 1
    second = Caller(reads, storage.read)
    wait_until(lambda: waiting(reads) == 1)
    storage.go.release(2)
    assert (first.answer(), second.answer()) == (0, 1)


def test_a_call_that_comes_while_the_waiting_one_runs_has_its_own(
    reads, storage
):
    callers = [Caller(reads, storage.read)]
    for value in (1, 2):
        assert storage.started.acquire(timeout=LONG)
        storage.value = value
        callers.append(Caller(reads, storage.read))
        wait_until(lambda: waiting(reads) == 1)
        storage.go.release()
    assert storage.started.acquire(timeout=LONG)
    storage.go.release()
    assert [caller.answer() for caller in callers] == [0, 1, 2]


def test_who_waits_for_a_read_that_hangs_is_told_in_time(reads, storage):
    hung = Caller(reads, storage.read, timeout=0.01)
    assert storage.started.acquire(timeout=LONG)
    late = [Caller(reads, storage.read, timeout=0.01) for _ in range(5)]
    for caller in [hung, *late]:
        with pytest.raises(Late):
            caller.answer()
    # It still counts as running: none was started on top of it.
    assert storage.reads == 1
    storage.value = 1
    after = Caller(reads, storage.read)
    wait_until(lambda: waiting(reads) == 1)
    storage.go.release(2)
    assert after.answer() == 1
    assert storage.reads == 2


def test_domains_do_not_wait_for_each_other(reads, storage):
    hung = Caller(reads, storage.read, key="hung")
    assert storage.started.acquire(timeout=LONG)
    assert reads.get("other", lambda: 7, time.monotonic() + LONG) == 7
    storage.go.release()
    hung.answer()


def test_nothing_is_kept_of_a_read_that_ended(reads):
    for key in range(3):
        reads.get(key, lambda: None, time.monotonic() + LONG)
    wait_until(lambda: not reads._running)
    assert not reads._waiting


def test_no_thread_for_a_read(reads, monkeypatch):
    def no_thread(self):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError):
            reads.get("sd", lambda: 7, time.monotonic() + LONG)
    assert reads.get("sd", lambda: 7, time.monotonic() + LONG) == 7


def test_no_thread_for_the_waiting_read(reads, storage, monkeypatch):
    first = Caller(reads, storage.read)
    assert storage.started.acquire(timeout=LONG)
    second = Caller(reads, storage.read)
    wait_until(lambda: waiting(reads) == 1)

    def no_thread(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    storage.go.release()
    first.answer()
    with pytest.raises(RuntimeError):
        second.answer()


class SlowThread(threading.Thread):
    """Of a read: its start takes until `go`, and fails if `fails`."""

    fails = False

    def start(self):
        self.starting.set()
        assert self.go.wait(LONG)
        if self.fails:
            raise RuntimeError("can't start new thread")
        super().start()


@pytest.fixture
def slow_thread(reads, monkeypatch):
    monkeypatch.setattr(
        SlowThread, "starting", threading.Event(), raising=False
    )
    monkeypatch.setattr(SlowThread, "go", threading.Event(), raising=False)
    shared_reads.threading.Thread = SlowThread
    return SlowThread


def test_calls_share_a_read_until_it_begins(reads, storage, slow_thread):
    """As long as its thread takes to have its turn."""
    callers = [Caller(reads, storage.read)]
    assert slow_thread.starting.wait(LONG)
    # The flag is set now, and the read has not begun.
    storage.value = 1
    callers += [Caller(reads, storage.read) for _ in range(50)]
    wait_until(lambda: waiting(reads) == 50)
    slow_thread.go.set()
    storage.go.release()
    assert [caller.answer() for caller in callers] == [1] * 51
    assert storage.reads == 1


def test_calls_share_the_next_read_until_it_begins(
    reads, storage, slow_thread
):
    slow_thread.go.set()
    first = Caller(reads, storage.read)
    assert storage.started.acquire(timeout=LONG)
    slow_thread.go.clear()
    slow_thread.starting.clear()
    callers = [Caller(reads, storage.read)]
    wait_until(lambda: waiting(reads) == 1)
    storage.go.release()
    assert slow_thread.starting.wait(LONG)
    # The first read has ended, and the next one has not begun.
    storage.value = 1
    callers += [Caller(reads, storage.read) for _ in range(50)]
    wait_until(lambda: waiting(reads) == 51)
    slow_thread.go.set()
    storage.go.release()
    assert first.answer() == 0
    assert [caller.answer() for caller in callers] == [1] * 51
    assert storage.reads == 2


def test_no_thread_for_a_read_that_others_have_joined(
    reads, storage, slow_thread, monkeypatch
):
    monkeypatch.setattr(slow_thread, "fails", True)
    callers = [Caller(reads, storage.read)]
    assert slow_thread.starting.wait(LONG)
    callers += [Caller(reads, storage.read) for _ in range(5)]
    wait_until(lambda: waiting(reads) == 5)
    slow_thread.go.set()
    for caller in callers:
        with pytest.raises(RuntimeError):
            caller.answer()
    monkeypatch.setattr(slow_thread, "fails", False)
    assert reads.get("sd", lambda: 7, time.monotonic() + LONG) == 7
