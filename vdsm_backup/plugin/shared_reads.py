# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reads of flags, shared by all who wait for the same domain.

A read is used only by calls that came in before it started: what a call gets
is never older than the call. Of one domain at most one read runs and one
waits to start; calls that come in meanwhile share the waiting one, so a boot
storm of hundreds of VMs costs a few reads. A read that hangs still counts as
running: nothing is started on top of it, and who waits is told in time.
"""

import threading
import time


class Late(Exception):
    """There was no answer until the deadline."""


class _Read:
    def __init__(self, work):
        self.work = work
        self.done = threading.Event()
        self.result = None
        self.error = None

    def run(self):
        try:
            self.result = self.work()
        except BaseException as e:
            self.error = e

    def answer(self):
        if self.error is not None:
            raise self.error
        return self.result


class Reads:
    """Reads by key; each runs in a thread of its own."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = {}
        self._waiting = {}

    def get(self, key, work, deadline):
        """
        What work() returns or raises, begun after this call.

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

    def _start(self, key, read):
        # A daemon: one that hangs must not hold up the exit of its process.
        thread = threading.Thread(
            target=self._run, args=(key, read), daemon=True
        )
        # It ends by taking the lock, which we have: the order does not matter
        # but when it cannot be started, and then nothing runs.
        thread.start()
        self._running[key] = read

    def _run(self, key, read):
        read.run()
        with self._lock:
            del self._running[key]
            waiting = self._waiting.pop(key, None)
            if waiting is not None:
                self._start_or_fail(key, waiting)
        read.done.set()

    def _start_or_fail(self, key, read):
        try:
            self._start(key, read)
        except RuntimeError as e:
            # No more threads: who waits is told so.
            read.error = e
            read.done.set()
