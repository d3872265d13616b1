# SPDX-License-Identifier: GPL-2.0-or-later
"""Who opens a file: inotify(7) tells of each open(2), but of O_PATH none."""

import contextlib
import ctypes
import os

_IN_OPEN = 0x20

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def watched(path):
    """Gives a function: whether somebody has opened it since."""
    fd = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert fd >= 0
    try:
        added = _libc.inotify_add_watch(fd, os.fsencode(path), _IN_OPEN)
        assert added >= 0, os.strerror(ctypes.get_errno())

        def opened():
            with contextlib.suppress(BlockingIOError):
                return bool(os.read(fd, 4096))
            return False

        yield opened
    finally:
        os.close(fd)
