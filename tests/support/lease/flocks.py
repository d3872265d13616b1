# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that are locked by flock(2)."""

import fcntl


def is_free(path):
    """Whether nobody holds an exclusive lock of it."""
    with open(path) as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
