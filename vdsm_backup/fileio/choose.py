# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which backend does the file I/O of a mount.

What only reads goes through the companion of this process, if it has one and
ioprocess is not used.
"""

from __future__ import annotations

import contextlib

from vdsm_backup import errors
from vdsm_backup.processes import companion, forking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.processes.companion_child import Calls

#: The companion that reads for this process.
_reader: companion.Companion | None = None


def open(choice: str, name: str, timeout: float, base: str = "/") -> FileIO:
    """
    A new FileIO with all calls, of which each has a child of its own.

    choice: the option [storage] ioprocess: "installed", "embedded", or
    "auto", which takes ioprocess where it can be imported.
    name: for messages and logs.
    timeout: in seconds, for each call.
    base: links are followed in this path, and in none below it.

    Raises Closed if the child cannot be started; ConfigInvalid if ioprocess
    is configured and cannot be imported.
    """
    installed = _installed(choice)
    if installed is not None:
        return installed(name, timeout, base)
    from vdsm_backup.fileio.worker_client import EmbeddedFileIO

    return EmbeddedFileIO(name, timeout, base)


def open_to_read(
    choice: str, name: str, timeout: float, base: str = "/"
) -> FileIO:
    """
    The same for what only reads: a call that changes something is ValueError.
    """
    if _reader is not None and _installed(choice) is None:
        from vdsm_backup.fileio.reader_client import ReadingFileIO

        return ReadingFileIO(_reader, name, timeout, base)
    return open(choice, name, timeout, base)


def start_reader(
    choice: str, more: Calls | None = None
) -> companion.Companion | None:
    """
    Start a companion that reads for open_to_read(). This process has one
    thread now.

    more: what the companion does besides.

    Returns None if there is none: nothing is to be done, since ioprocess is
    used, or this process is not ours to be forked.

    Raises ConfigInvalid as open() does, and RuntimeError if there are more
    threads.
    """
    global _reader
    if not forking.is_allowed():
        return None
    calls = dict(more or {})
    reads = _installed(choice) is None
    if reads:
        from vdsm_backup.fileio import reader

        calls.update(reader.CALLS)
    if not calls:
        return None
    # Where no process can be forked, each FileIO tries it again, and says why
    # it fails.
    with contextlib.suppress(OSError):
        made = companion.start(calls)
        _reader = made if reads else None
        return made
    return None


def open_root_too(name: str, timeout: float, base: str) -> FileIO:
    """
    The same for a process that was started as root: reads also what is closed
    to its effective user. It is never ioprocess, which is one user only.
    """
    from vdsm_backup.fileio.worker_client import RootTooFileIO

    return RootTooFileIO(name, timeout, base)


def _installed(choice: str) -> type[FileIO] | None:
    """ioprocess, if it is chosen. Raises ConfigInvalid."""
    if choice == "embedded":
        return None
    try:
        from vdsm_backup.fileio.ioprocess import InstalledFileIO
    except ImportError as e:
        if choice == "auto":
            return None
        raise errors.ConfigInvalid("in use", "[storage] ioprocess", str(e))
    return InstalledFileIO
