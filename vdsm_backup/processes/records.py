# SPDX-License-Identifier: GPL-2.0-or-later
"""
What we keep on this host about a domain, in [sanlock] run_dir.

SD.lock: locked as long as a holder lives, so this host makes one change of a
domain at a time. Never removed: somebody who waits for it would then lock a
file that the next one does not see.

SD.json: written before the lockspace is joined, removed after it was left. A
holder that was killed leaves it; the next one knows by it that the join is
ours to leave. It names the generation of the host id, which grows with every
join: a later join by somebody else is not taken for ours.

SD.lvs.lock, SD.lvs.json: the same for the tool and the LVs that it activates,
see storage/activation.py.

The directory belongs to the user that the tool works as, while the holder is
root: so no link is followed.
"""

import contextlib
import fcntl
import json
import os
import stat

from vdsm_backup import errors
from vdsm_backup.processes import directories

# More than any record has.
_MAX_SIZE = 4096


class Record:
    """
    name: of its files, in run_dir.

    Methods raise SanlockFailed: run_dir cannot be used.
    """

    def __init__(self, run_dir, name):
        self._dir = run_dir
        self._lock_path = os.path.join(run_dir, f"{name}.lock")
        self._path = os.path.join(run_dir, f"{name}.json")
        self._lock = None

    def open(self):
        with self._using():
            directories.make(self._dir, 0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            self._lock = os.open(self._lock_path, flags, 0o600)
            status = os.fstat(self._lock)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
                raise OSError(0, f"{self._lock_path} is no file of its own")

    def close(self):
        """Releases the lock, as our end does."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def lock(self):
        """Whether the lock is ours now."""
        with self._using():
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d" % os.getpid(), 0)
            return True

    def locker(self):
        """Pid of the process that has the lock, as text."""
        return os.pread(self._lock, 20, 0).decode("ascii")

    def read(self):
        """
        What is on record; None if nothing is, or nothing that can be
        understood: who wrote it, if it was us, cannot be known then.
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

    def exists(self):
        return os.path.exists(self._path)

    def readable(self):
        """Whether there is one that we may read."""
        return os.access(self._path, os.R_OK, effective_ids=True)

    def write(self, content):
        """Durable and whole, or not there."""
        new = f"{self._path}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with self._using():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(new)
            fd = os.open(new, flags, 0o600)
            with open(fd, "w", encoding="ascii") as f:
                json.dump(content, f)
                f.flush()
                os.fsync(f.fileno())
            os.rename(new, self._path)
            self._sync()

    def remove(self):
        with self._using():
            try:
                os.unlink(self._path)
            except FileNotFoundError:
                return
            self._sync()

    def _sync(self):
        fd = os.open(self._dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _using(self):
        try:
            yield
        except OSError as e:
            action = f"use [sanlock] run_dir {self._dir}"
            reason = directories.why(e, self._lock_path)
            raise errors.SanlockFailed(action, reason)
