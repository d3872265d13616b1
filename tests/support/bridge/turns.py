# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge whose rounds come one after the other as a test wants them, on a clock
that goes ahead of the machine's by later() alone. What it is a bridge of is
said by who uses it: running.py, engine_rows.py.
"""

import contextlib
import os
import time

from tests.support import rundir
from tests.support.closing import Closing
from vdsm_backup.bridge.state_file import StateFile


class Turns(Closing):
    """
    directory: of this bridge alone, with its state. settings: of the bridge.
    """

    def __init__(self):
        self.directory = rundir.make("bridge")
        self.settings = None
        self._ahead = 0.0
        self._stack = None

    def close(self):
        self.stop()
        rundir.remove(self.directory)

    def open(self, stack, file, known):
        """
        Make the bridge. stack: of contexts that end with it. file, known: its
        state.
        """
        raise NotImplementedError

    def turn(self):
        """One round."""
        raise NotImplementedError

    def start(self):
        """A bridge that goes on from its state, or from none."""
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(StateFile(self.state_path))
            known, _ = file.load()
            self.open(stack, file, known)
            self._stack = stack.pop_all()

    def stop(self):
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def restart(self, lose_state=False):
        self.stop()
        if lose_state:
            os.remove(self.state_path)
        self.start()

    @property
    def state_path(self):
        return os.path.join(self.directory, "state.json")

    def now(self):
        return time.time() + self._ahead

    def later(self, seconds):
        self._ahead += seconds
        return self

    def polls(self, count=1):
        for _ in range(count):
            self.later(self.settings.poll)
            self.turn()
        return self

    def compare(self):
        """A look at all domains, and what comes of it."""
        return self.later(self.settings.compare).polls(2)
