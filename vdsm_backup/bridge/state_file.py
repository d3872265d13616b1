# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge remembers, in one small file.

A new state is written into a file beside the old one, synced, and put in its
place; then the directory is synced. So a bridge that is killed at any point,
or a machine that loses power, leaves the old state or the new one. `save()`
comes before an act, so that the next bridge knows what the last one may have
done.

Files belong to whoever has the directory, also if root makes them: an
administrator who looks once by hand leaves no file that the service cannot
use.

The bridge works without a state, too: then it sees each domain for the first
time. So a file that cannot be understood is set aside, and that is told.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import state_json
from vdsm_backup.bridge.state import State
from vdsm_backup.processes import durable_files
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes of the file. A domain takes a few hundred, and 7000 with all that can
# be remembered of it.
_MAX_SIZE = 8 * 1024 * 1024

# What an operating system answers if the path is not what it should be.
_NO_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO)


class StateFile:
    """
    The file with the state of a bridge. One process at a time has it.

        with StateFile(path) as file:
            state, note = file.load()
            file.save(state)
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock: int | None = None

    def __enter__(self) -> StateFile:
        """
        Raises BridgeRuns if another process has the file, and BridgeState if
        the directory cannot be used.
        """
        with self._using():
            self._lock = self._open_lock()
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.__exit__()
                raise errors.BridgeRuns(printable(self._path))
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load(self, set_aside: bool = True) -> tuple[State, str]:
        """
        The state, and a note: why there is none, "" if there is one.

        set_aside: whether a file that cannot be understood gets another name.

        Raises BridgeState if the file is there and cannot be read.
        """
        try:
            data = self._read()
        except FileNotFoundError:
            return State(), "there is no state yet"
        reason = "it is too large"
        if data is not None:
            try:
                return state_json.parse(data), ""
            except ValueError as e:
                reason = str(e)
        if not set_aside:
            return State(), f"the state is broken ({reason})"
        return State(), self._set_aside(reason)

    def save(self, state: State) -> None:
        """Onto the disk. Raises BridgeState; the old state is there then."""
        with self._using():
            durable_files.replace_json(
                self._path, state_json.to_json(state), self._owner()
            )

    def _open_lock(self) -> int:
        path = f"{self._path}.lock"
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            # Never given away: it may be another name of a file of root's.
            return os.open(path, flags)
        owner = self._owner()
        if owner is not None:
            durable_files.give(fd, owner)
        return fd

    def _owner(self) -> tuple[int, int] | None:
        """To whom we have to give a new file; None: it is theirs already."""
        found = os.stat(os.path.dirname(self._path) or ".")
        if os.geteuid() != 0 or found.st_uid == 0:
            return None
        return found.st_uid, found.st_gid

    def _read(self) -> bytes | None:
        """The file, None if it is too large. Raises FileNotFoundError."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with self._using():
            fd = os.open(self._path, flags)
            with open(fd, "rb") as f:
                data = f.read(_MAX_SIZE + 1)
        return data if len(data) <= _MAX_SIZE else None

    def _set_aside(self, reason: str) -> str:
        aside = f"{self._path}.broken"
        with self._using():
            durable_files.rename(self._path, aside)
        return f"the state is broken ({reason}), and is kept as {aside}"

    @contextlib.contextmanager
    def _using(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as e:
            if e.filename == self._path:
                raise
            raise errors.BridgeState(self._path, e.strerror)
        except OSError as e:
            reason = e.strerror or str(e)
            if e.errno in _NO_FILE:
                reason = "it is no regular file"
            # It may be the lock that cannot be used, or the new file.
            raise errors.BridgeState(e.filename or self._path, reason)
