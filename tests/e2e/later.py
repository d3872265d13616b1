# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on beside tests, until one of them wants to know."""

import concurrent.futures

from tests.support.closing import Closing


class Later(Closing):
    """play: called once, in a thread, if somebody begins it or wants it."""

    def __init__(self, play):
        self._play = play
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._future = None

    def begin(self):
        if self._future is None:
            self._future = self._pool.submit(self._play)

    def result(self):
        """What it returns, when it has; raises what it raises."""
        self.begin()
        return self._future.result()

    def close(self):
        # After an interruption its end is that of the machines.
        self._pool.shutdown(wait=False)
