# SPDX-License-Identifier: GPL-2.0-or-later
"""
The lease of a local domain (TYPE=LOCALFS), which has no lockspace of sanlock.

One host uses a local domain. VDSM guards the domain by a lock on that host, an
exclusive flock(2) of dom_md/ids (LocalLock in lib/vdsm/storage/clusterlock.py;
localFsSD.py). We take the same lock, so we exclude VDSM and other runs of this
tool.

This lease ends as one of sanlock does: when the last process that has
inherited the file descriptor has ended (connection.py). It needs no holder
process, since there is no lockspace to leave.

The lock excludes nobody on another host. TYPE in the metadata does not prove
that the domain is local: anybody may have written it. So whoever takes this
lease has to make sure that the file is on a file system that no other host
has.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time

from vdsm_backup import errors
from vdsm_backup.processes import scripts
from vdsm_backup.processes.channel import receive_fd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TYPE = "LOCALFS"

# The script that opens the file.
OPEN_LOCK = "vdsm_backup.lease.open_lock"

# Seconds in which the file has to be opened, as [storage] io_timeout.
IO_TIMEOUT = 30

# Seconds between two attempts.
RETRY = 0.5


class Held:
    """
    A lease that we have, as client.Held.

    fd: of the locked file. host_id: none.
    """

    host_id: int | None = None

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def check(self) -> None:
        """Does nothing: such a lease cannot be lost."""

    def is_certain(self) -> bool:
        """Always: no other host can take it."""
        return True


def _accept(fd: int) -> None:
    """Any file may be used."""


@contextlib.contextmanager
def take(
    sd_id: str,
    ids: str,
    timeout: float,
    progress: Callable[[str], None],
    io_timeout: float = IO_TIMEOUT,
    require: Callable[[int], None] = _accept,
) -> Iterator[Held]:
    """
    The lease, for the body.

    ids: the path of the domain's file dom_md/ids.
    timeout: seconds to wait until the lock is free.
    progress: called with a text for the user at each step.
    io_timeout: seconds to wait until the file is open.
    require: called with the open file; raises if the file must not be used.
        It is called before the lock is taken, since on a file system of
        several hosts taking the lock could hang.

    Raises LeaseBusy if the lock was not free within the timeout, WriteFailed
    if the file cannot be opened or locked, StorageTimeout if opening it hangs.
    """
    fd = _open(sd_id, ids, io_timeout)
    try:
        require(fd)
        progress("taking the lease of the local domain")
        _lock(fd, sd_id, timeout)
        yield Held(fd)
    finally:
        os.close(fd)


def _open(sd_id: str, ids: str, timeout: float) -> int:
    """
    The open file, to be closed by the caller. A child process opens it, and is
    left behind if the storage hangs.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        opener = scripts.Script(OPEN_LOCK, str(number), ids, pass_fds=[number])
        scripts.collect([opener], timeout)
        line = opener.lines[-1] if opener.lines else {}
        if "opened" in line:
            return receive_fd(ours)
    if "failed" in line:
        raise errors.WriteFailed(sd_id, "lease", f"{ids}: {line['failed']}")
    if opener.ended:
        reason = f"{ids}: the process that opens it failed"
        raise errors.WriteFailed(sd_id, "lease", reason)
    raise errors.StorageTimeout(ids, timeout)


def _lock(fd: int, sd_id: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                owner = "another process of this host, VDSM for example"
                raise errors.LeaseBusy(sd_id, owner)
        except OSError as e:
            raise errors.WriteFailed(sd_id, "lease", f"its lock: {e.strerror}")
        time.sleep(RETRY)
