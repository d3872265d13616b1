# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lease of a local domain (TYPE=LOCALFS), which has no sanlock lockspace.

One host uses a local domain, and VDSM guards it by a lock on that host: an
exclusive flock(2) of dom_md/ids (LocalLock in lib/vdsm/storage/clusterlock.py,
localFsSD.py). We take the very same lock, so we exclude VDSM and each other.

It ends as a lease of sanlock does: when the last process that has inherited
the file descriptor has ended (see connection.py). No holder is needed: there
is nothing to leave.

It excludes nobody on another host. So TYPE in the metadata, which is only
what somebody wrote, is not enough to take it: who does makes sure that the
file is on a file system that no other host has.
"""

import contextlib
import fcntl
import os
import socket
import time

from vdsm_backup import errors
from vdsm_backup.processes import scripts
from vdsm_backup.processes.channel import receive_fd

TYPE = "LOCALFS"

# Opens the file, in a process of its own.
OPEN_LOCK = "vdsm_backup.lease.open_lock"

# Seconds in which its file has to be opened, as [storage] io_timeout.
IO_TIMEOUT = 30

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
def take(
    sd_id,
    ids,
    timeout,
    progress,
    io_timeout=IO_TIMEOUT,
    require=lambda fd: None,
):
    """
    The lease, as Held; seconds.

    require: is called with the open file, and raises if it must not be used.
    Before the lock: on a file system of another host that could hang.

    Raises LeaseBusy if it was not free within the timeout, WriteFailed if
    the file of the lock cannot be opened, StorageTimeout if that hangs.
    """
    fd = _open(sd_id, ids, io_timeout)
    try:
        require(fd)
        progress("taking the lease of the local domain")
        _lock(fd, sd_id, timeout)
        yield Held(fd)
    finally:
        os.close(fd)


def _open(sd_id, ids, timeout):
    """By a child, which is left behind if the storage hangs."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        opener = scripts.Script(OPEN_LOCK, str(number), ids, pass_fds=[number])
        scripts.collect([opener], timeout)
        said = opener.lines[-1] if opener.lines else {}
        if "opened" in said:
            return receive_fd(ours)
    if "failed" in said:
        raise errors.WriteFailed(sd_id, "lease", f"{ids}: {said['failed']}")
    if opener.ended:
        reason = f"{ids}: the process that opens it failed"
        raise errors.WriteFailed(sd_id, "lease", reason)
    raise errors.StorageTimeout(ids, timeout)


def _lock(fd, sd_id, timeout):
    deadline = time.monotonic() + timeout
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                owner = "another process of this host, VDSM for example"
                raise errors.LeaseBusy(sd_id, owner)
        except OSError as e:
            raise errors.WriteFailed(sd_id, "lease", f"its lock: {e.strerror}")
        time.sleep(RETRY)
