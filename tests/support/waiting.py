# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for what other processes and threads do."""

import inspect
import time

# Seconds: for what comes soon where the machine is idle.
TIMEOUT = 30

# Seconds within which all ends that waits for nothing, on a busy machine.
SOON = 20

# Seconds: a timeout that is to run out. Processes are started within it, on a
# busy machine too, and the storage is met.
RUNS_OUT = 4


# Seconds between two looks: a tenth of what was waited already, and no less,
# and no more. Most of the looks at something that takes long would be in vain.
_SHORTEST = 0.01
_LONGEST = 0.05


def wait_until(condition, timeout=TIMEOUT, what=None, pause=None):
    """
    Call condition() until it is true; returns what it gave, or fails after
    `timeout` seconds. A condition raises where there is no hope any more.

    what: is waited for, or a function that says so at the end; by default the
    condition itself is shown. pause: seconds between two calls; by default
    they become longer.
    """
    began = time.monotonic()
    deadline = began + timeout
    while True:
        found = condition()
        if found:
            return found
        now = time.monotonic()
        if now > deadline:
            what = what() if callable(what) else what
            raise AssertionError(
                f"not within {timeout} seconds: {what or _source(condition)}"
            )
        if pause is None:
            waited = (now - began) / 10
            time.sleep(min(max(waited, _SHORTEST), _LONGEST))
        else:
            time.sleep(pause)


def _source(condition):
    try:
        return " ".join(inspect.getsource(condition).split())
    except (OSError, TypeError):
        return repr(condition)
