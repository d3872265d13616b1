# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many jobs side by side, none of which can hold up the others or our exit.

The threads are daemons: a thread that is stuck in the kernel is left behind
when the process exits.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    # Called with the keys of the jobs that somebody waits for, sorted.
    Slow = Callable[[list[Any]], None]

# Seconds without a result, after which it is told what somebody waits for.
SLOW = 1
_NEVER = float("inf")


@contextlib.contextmanager
def telling(waited_for: list[Any], slow: Slow | None) -> Iterator[None]:
    """
    For work in this thread: `slow` is told what is waited for, if the body
    takes longer than SLOW seconds. It is called by another thread.

    slow: None: nobody is told, and there is no other thread.
    """
    if slow is None:
        yield
        return
    timer = threading.Timer(SLOW, slow, [waited_for])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Jobs:
    """
    Functions without arguments, each by a key of the caller. Each runs at
    once, in a thread of its own.

    waiting: the keys of the jobs whose end results() has not given yet.
    """

    def __init__(
        self, jobs: Mapping[Any, Callable[[], Any]], slow: Slow | None = None
    ) -> None:
        """
        slow: called by results() with what is in `waiting`, when there was
            no result for SLOW seconds. It is not told the same twice.
        """
        self._results: queue.Queue[Any] = queue.Queue()
        self._slow = slow
        self._slow_at = time.monotonic() + SLOW if slow else _NEVER
        self._told: list[Any] = []
        self.waiting: set[Any] = set()
        for key, job in jobs.items():
            self.add(key, job)

    def add(self, key: Any, job: Callable[[], Any]) -> None:
        """Start one more job, also while results() goes on."""
        self.waiting.add(key)
        threading.Thread(
            target=self._run, args=(key, job), daemon=True
        ).start()

    def tell(self, key: Any, part: Any) -> None:
        """
        For a job that is running: results() gives a part of the job's result
        before the job has ended, as (key, part, None).
        """
        self._results.put((key, part, None, False))

    def _run(self, key: Any, job: Callable[[], Any]) -> None:
        result, error = None, None
        try:
            result = job()
        except Exception as e:
            error = e
        self._results.put((key, result, error, True))

    def results(
        self, deadline: Callable[[], float]
    ) -> Iterator[tuple[Any, Any, Exception | None]]:
        """
        Yields (key, result, error) of each job as it ends. Either result or
        error is None.

        Stops when all jobs have ended, or at deadline(), a time of
        time.monotonic() that is asked for again after each result. A result
        that is there at the deadline is still given. Another call goes on
        with the jobs that are in `waiting`.
        """
        while self.waiting:
            end = deadline()
            left = min(end, self._slow_at) - time.monotonic()
            try:
                key, result, error, ended = self._results.get(
                    timeout=max(left, 0)
                )
            except queue.Empty:
                if end < self._slow_at:
                    return
                self._tell_slow()
                continue
            if self._slow:
                self._slow_at = time.monotonic() + SLOW
            if ended:
                self.waiting.discard(key)
            yield key, result, error

    def _tell_slow(self) -> None:
        self._slow_at = _NEVER
        waiting = sorted(self.waiting)
        if self._slow and waiting != self._told:
            self._told = waiting
            self._slow(waiting)
