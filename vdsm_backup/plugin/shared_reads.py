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
        self._running: dict[str, _Read[T]] = {}
        self._waiting: dict[str, _Read[T]] = {}

    def get(self, key: str, work: Callable[[], T], deadline: float) -> T:
        """
        What work() returns or raises when it is called after this call.

        deadline: of time.monotonic(). Raises Late.
        """
        with self._lock:
            read = self._waiting.get(key)
            if read is None:
                read = _Read(work)
                if key in self._running:
                    self._waiting[key] = read
                else:
                    self._start(key, read)
        if not read.done.wait(max(deadline - time.monotonic(), 0)):
            raise Late
        return read.answer()

    def _start(self, key: str, read: _Read[T]) -> None:
        """Start a read; the lock is held. Raises RuntimeError."""
        # A daemon: one that hangs must not hold up the exit of its process.
        thread = threading.Thread(
            target=self._run, args=(key, read), daemon=True
        )
        # First the start, which can fail: then nothing runs. The thread takes
        # the lock, which we have, before it removes itself from _running.
        thread.start()
        self._running[key] = read

    def _run(self, key: str, read: _Read[T]) -> None:
        read.run()
        with self._lock:
            del self._running[key]
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                self._start_or_fail(key, waiting)
        read.done.set()

    def _start_or_fail(self, key: str, read: _Read[T]) -> None:
        try:
            self._start(key, read)
        except RuntimeError as e:
            # No more threads: those who wait get this error.
            read.error = e
            read.done.set()
