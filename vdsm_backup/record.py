# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a holder keeps on this host about a domain, in [sanlock] run_dir.

SD.lock: locked as long as the holder lives, so this host makes one change of
a domain at a time. Never removed: somebody who waits for it would then lock a
file that the next one does not see.

SD.json: written before the lockspace is joined, removed after it was left. A
holder that was killed leaves it; the next one knows by it that the join is
ours to leave. It names the generation of the host id, which grows with every
join: a later join by somebody else is not taken for ours.
"""

import fcntl
import json
import os


class Record:
    def __init__(self, run_dir, sd_id):
        self._dir = run_dir
        self._lock_path = os.path.join(run_dir, f"{sd_id}.lock")
        self._path = os.path.join(run_dir, f"{sd_id}.json")
        self._lock = None

    def open(self):
        """Raises OSError: run_dir cannot be used."""
        os.makedirs(self._dir, 0o700, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        self._lock = os.open(self._lock_path, flags, 0o600)

    def lock(self):
        """Whether the lock is ours now. It is released by our end."""
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
        """The join that is on record, or None."""
        try:
            with open(self._path, encoding="ascii") as f:
                return json.load(f)
        except FileNotFoundError:
            return None

    def exists(self):
        return os.path.exists(self._path)

    def write(self, join):
        """Durable and whole, or not there."""
        new = f"{self._path}.new"
        with open(new, "w", encoding="ascii") as f:
            json.dump(join, f)
            f.flush()
            os.fsync(f.fileno())
        os.rename(new, self._path)
        self._sync()

    def remove(self):
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
