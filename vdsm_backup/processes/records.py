# SPDX-License-Identifier: GPL-2.0-or-later
"""
What we keep on this host about a domain, in [sanlock] run_dir.

<sdUUID>.lock is locked as long as a holder lives, so that this host makes one
change of a domain at a time. The file is never removed. A process that waits
for the lock of a removed file would get it, while the next process locks
another file of the same name.

<sdUUID>.json is written before the lockspace is joined, and removed after it
was left (lease/membership.py). A holder that was killed leaves the file. By it
the next holder knows that we have joined, and that it has to leave.

<sdUUID>.lvs.lock and <sdUUID>.lvs.json are the same for the tool and the LVs
that it activates (lvm/activation.py).

The directory belongs to the user that the tool works as, while the holder is
root. So no link in it is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat

from vdsm_backup import errors
from vdsm_backup.processes import directories, durable_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

# Bytes, more than any record has.
_MAX_SIZE = 4096


class Record:
    """
    A lock, and a JSON object that outlives the process that wrote it.

    name: of the two files in run_dir, without their suffixes.

    Methods raise RunDirFailed if run_dir cannot be used.
    """

    def __init__(self, run_dir: str, name: str) -> None:
        self._dir = run_dir
        self._lock_path = os.path.join(run_dir, f"{name}.lock")
        self._path = os.path.join(run_dir, f"{name}.json")
        self._lock: int | None = None

    # The lock

    def open(self) -> None:
        """Open the file of the lock; make it, and run_dir, if need be."""
        with self._using():
            directories.make(self._dir, 0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._lock = os.open(self._lock_path, flags, 0o600)
            status = os.fstat(self._lock)
            # The directory is a user's, and root writes into this file: a
            # link could make it write into another one.
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise OSError(0, f"{self._lock_path} is no file of its own")

    def close(self) -> None:
        """Release the lock, as the end of our process does."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def lock(self) -> bool:
        """Try to take the lock. Returns whether it is ours now."""
        fd = self._opened()
        with self._using():
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d" % os.getpid(), 0)
            return True

    def locker(self) -> str:
        """Pid of the process that has the lock, as text."""
        told = os.pread(self._opened(), 20, 0)
        # Anybody who may write in the directory may have written this.
        return told.decode("ascii", "backslashreplace")

    def running(self) -> int | None:
        """
        Pid of the process that has the lock; None if no process has it. Takes
        no lock, and makes no file: for a process that only looks. It must be
        root to see into the processes of root.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with self._using():
            try:
                fd = os.open(self._lock_path, flags)
            except FileNotFoundError:
                return None
            with open(fd, "rb") as f:
                told, ours = f.read(20), os.fstat(f.fileno())
        if not told.isdigit():
            return None
        # The pid stays in the file. The process may have ended, and its pid
        # may be another's by now.
        return int(told) if _has_open(int(told), ours) else None

    def until_locked(self) -> Iterator[str]:
        """
        Open the file of the lock, and try to take it until it is ours. Yields
        who has it, as a text for people, after each try that failed. The
        caller waits before it asks for the next try, or gives up.
        """
        self.open()
        while not self.lock():
            pid = self.locker()
            yield f"another vdsm-backup-domain on this host (pid {pid})"

    # The JSON file

    def read(self) -> object:
        """
        What is on record. None if nothing is, or if it cannot be understood:
        then nobody can say whether it was us who wrote it.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with self._using():
            try:
                fd = os.open(self._path, flags)
            except FileNotFoundError:
                return None
            with open(fd, "rb") as f:
                data = f.read(_MAX_SIZE)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return None

    def exists(self) -> bool:
        """Whether something is on record."""
        return os.path.exists(self._path)

    def readable(self) -> bool:
        """Whether something is on record that we may read."""
        return os.access(self._path, os.R_OK, effective_ids=True)

    def write(self, content: Mapping[str, Any]) -> None:
        """
        Put this on record, in place of what is there. The content is on disk
        when this returns. A crash before that leaves the old record or the
        new one, and either is whole.
        """
        with self._using():
            durable_files.replace_json(self._path, content)

    def remove(self) -> None:
        """Take off the record what is there, if anything is."""
        with self._using():
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                return
            durable_files.sync_directory(self._dir)

    def _opened(self) -> int:
        if self._lock is None:
            raise ValueError("open() was not called")
        return self._lock

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            reason = directories.why(e, self._lock_path)
            raise errors.RunDirFailed(self._dir, reason)


def _has_open(pid: int, file: os.stat_result) -> bool:
    """Whether a process has this file open, as far as we may see."""
    directory = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for fd in os.listdir(directory):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(f"{directory}/{fd}"), file):
                    return True
    return False
