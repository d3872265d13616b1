# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes on beside tests, until one of them wants to know."""

from tests.support.inthread import InThread


class Later:
    """
    play: called once, in a thread, when somebody begins it or wants it.
    first: called before that, in the thread of whoever begins it.
    """

    def __init__(self, play, first=None):
        self._play = play
        self._first = first
        self._begun = None

    def begin(self):
        if self._begun is None:
            if self._first:
                self._first()
            self._begun = InThread(self._play)

    def result(self):
        """What it returns, when it has; raises what it raises."""
        self.begin()
        return self._begun.result()
