# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who opens a file, and is done with it: inotify(7) tells of each open(2), but of
O_PATH none.
"""

import contextlib
import ctypes
import os

OPENED = 0x20
# By one who has only read it.
CLOSED = 0x10

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def watched(path, event=OPENED):
    """Gives a function: whether this has happened since it was called."""
    fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert fd >= 0
    try:
        added = _libc.inotify_add_watch(fd, os.fsencode(path), event)
        assert added >= 0, os.strerror(ctypes.get_errno())

        def happened():
            with contextlib.suppress(BlockingIOError):
                return bool(os.read(fd, 4096))
            return False

        yield happened
    finally:
        os.close(fd)
