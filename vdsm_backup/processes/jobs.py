# SPDX-License-Identifier: GPL-2.0-or-later
"""
Many jobs side by side, none of which can hold up the others or our exit.

The threads are daemons: one that is stuck in the kernel is left behind.
"""

import queue
import threading
import time


class Jobs:
    """Jobs by a key; each runs in a thread of its own, at once."""

    def __init__(self, jobs):
        self._results = queue.Queue()
        self.waiting = set()
        for key, job in jobs.items():
            self.add(key, job)

    def add(self, key, job):
        """One more, also while results() goes on."""
        self.waiting.add(key)
        threading.Thread(
            target=self._run, args=(key, job), daemon=True
        ).start()

    def _run(self, key, job):
        try:
            result, error = job(), None
        except Exception as e:
            result, error = None, e
        self._results.put((key, result, error))

    def results(self, deadline):
        """
        Yields (key, result, error) of each job as it ends; stops when all
        have ended, or at the deadline() (time.monotonic), which is asked
        again after each result.
        """
        while self.waiting:
            left = deadline() - time.monotonic()
            try:
                done = self._results.get(timeout=max(left, 0))
            except queue.Empty:
                return
            self.waiting.discard(done[0])
            yield done
