# SPDX-License-Identifier: GPL-2.0-or-later
"""
Keeps a copy in the history, says how its change has ended, and is killed:

    python -m tests.support.storage.killed_keeping DIRECTORY STEP CALL N WHEN

STEP: keep, conclude. CALL: of os, at whose Nth call in that step it is killed.
WHEN: before, after.
"""

import os
import signal
import sys

from tests.support.world import make
from vdsm_backup.change.history import History


def kill_at(call, number, when):
    real, count = getattr(os, call), 0

    def called(*args, **settings):
        nonlocal count
        count += 1
        if (count, when) == (number, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **settings)
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, call, called)


if __name__ == "__main__":
    directory, step, call, number, when = sys.argv[1:]
    history = History(directory)
    if step == "keep":
        kill_at(call, int(number), when)
    copy = history.keep(make(), ["A=1"], "me", "set", "why", "command")
    kill_at(call, int(number), when)
    history.conclude(copy, "done", True, None)
