# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lease of a local domain (TYPE=LOCALFS), which has no sanlock lockspace.

One host uses a local domain, and VDSM guards it by a lock on that host: an
exclusive flock(2) of dom_md/ids (LocalLock in lib/vdsm/storage/clusterlock.py,
localFsSD.py). We take the very same lock, so we exclude VDSM and each other.

It ends as a lease of sanlock does: when the last process that has inherited
the file descriptor has ended (see lease.py). No holder is needed: there is
nothing to leave.
"""

import contextlib
import fcntl
import os
import time

from vdsm_backup import errors

TYPE = "LOCALFS"

# Seconds between two attempts.
RETRY = 0.5


class Held:
    """As lease.Held; such a lease cannot be lost."""

    host_id = None

    def __init__(self, fd):
        self.fd = fd

    def check(self):
        pass


@contextlib.contextmanager
def take(sd_id, ids, timeout, progress):
    """
    The lease, as Held; seconds.

    Raises LeaseBusy if it was not free within the timeout, WriteFailed if
    the file of the lock cannot be opened.
    """
    try:
        # O_NONBLOCK: whatever is there instead of the file, do not wait.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(ids, flags)
    except OSError as e:
        raise errors.WriteFailed(sd_id, "lease", f"{ids}: {e.strerror}")
    try:
        progress("taking the lease of the local domain")
        _lock(fd, sd_id, timeout)
        yield Held(fd)
    finally:
        os.close(fd)


def _lock(fd, sd_id, timeout):
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                owner = "another process of this host, VDSM for example"
                raise errors.LeaseBusy(sd_id, owner)
        time.sleep(RETRY)
