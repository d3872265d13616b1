# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reads of flags, shared by all who wait for the same domain.

A call gets the result of a read that began after the call, never an older one.
For each domain at most one read runs, and at most one waits until that has
ended. All calls that come in meanwhile share the waiting one, so a boot storm
of hundreds of VMs costs a few reads.

A read that hangs still counts as running, so no other read of its domain is
started. Those who wait for it get Late at their deadline.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Generic, TypeVar

T = TypeVar("T")


class Late(Exception):
    """There was no answer until the deadline."""


class _Read(Generic[T]):
    """
    A call of work(). done: set when there is a result or an error.
    """

    result: T

    def __init__(self, work: Callable[[], T]) -> None:
        self.work = work
        self.done = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.work()
        except BaseException as e:
            self.error = e

    def answer(self) -> T:
        """Once done: what work() has returned or raised."""
        if self.error is not None:
            raise self.error
        return self.result


class Reads(Generic[T]):
    """Reads by key; each runs in a thread of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Those that have begun, and those that have not.
        self._running: dict[str, _Read[T]] = {}
        self._waiting: dict[str, _Read[T]] = {}

    def get(self, key: str, work: Callable[[], T], deadline: float) -> T:
        """
        What work() returns or raises when it is called after this call.

        deadline: of time.monotonic(). Raises Late.
        """
        with self._lock:
            read = self._waiting.get(key)
            starts = False
            if read is None:
                read = self._waiting[key] = _Read(work)
                # Where one is running, its thread starts this one.
                starts = key not in self._running
        if starts:
            self._start_or_fail(key, read)
        left = deadline - time.monotonic()
        # Nothing is in time after the deadline, also if it is there by now.
        if left <= 0 or not read.done.wait(left):
            raise Late
        return read.answer()

    def _start_or_fail(self, key: str, read: _Read[T]) -> None:
        """
        Start a read that is waiting. No other is running.

        The lock is not held: start() returns when the thread has had its
        turn, which takes long in a storm, and until then calls come in that
        can share the read.
        """
        try:
            # A daemon: one that hangs must not hold up the exit of its
            # process.
            threading.Thread(
                target=self._run, args=(key, read), daemon=True
            ).start()
        except Exception as e:
            # No more threads, or memory: those who wait get this error.
            with self._lock:
                del self._waiting[key]
            read.error = e
            read.done.set()

    def _run(self, key: str, read: _Read[T]) -> None:
        with self._lock:
            # From here on the read has begun: who has joined it came before,
            # and who comes now makes another one.
            del self._waiting[key]
            self._running[key] = read
        read.run()
        with self._lock:
            del self._running[key]
            waiting = self._waiting.get(key)
        if waiting is not None:
            self._start_or_fail(key, waiting)
        read.done.set()
