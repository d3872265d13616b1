# SPDX-License-Identifier: GPL-2.0-or-later
"""Which of the two backends does the file I/O of a mount."""

from __future__ import annotations

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.fileio.base import FileIO


def open(choice: str, name: str, timeout: float, base: str = "/") -> FileIO:
    """
    A new FileIO.

    choice: the option [storage] ioprocess: "installed", "embedded", or
    "auto", which takes ioprocess where it can be imported.
    name: for messages and logs.
    timeout: in seconds, for each call.
    base: links are followed in this path, and in none below it.

    Raises Closed if the child cannot be started; ConfigInvalid if ioprocess
    is configured and cannot be imported.
    """
    if choice == "embedded":
        return _embedded(name, timeout, base)
    try:
        from vdsm_backup.fileio.ioprocess import InstalledFileIO
    except ImportError as e:
        if choice == "auto":
            return _embedded(name, timeout, base)
        raise errors.ConfigInvalid("in use", "[storage] ioprocess", str(e))
    return InstalledFileIO(name, timeout, base)


def open_root_too(name: str, timeout: float, base: str) -> FileIO:
    """
    The same for a process that was started as root: reads also what is closed
    to its effective user. It is never ioprocess, which is one user only.
    """
    from vdsm_backup.fileio.worker_client import RootTooFileIO

    return RootTooFileIO(name, timeout, base)


def _embedded(name: str, timeout: float, base: str) -> FileIO:
    from vdsm_backup.fileio.worker_client import EmbeddedFileIO

    return EmbeddedFileIO(name, timeout, base)
