# SPDX-License-Identifier: GPL-2.0-or-later
"""
Directories of ours on this host, with the modes that we mean: mkdir takes away
what the umask of the caller says, and that is anything.
"""

from __future__ import annotations

import os

# Of what is above the directory that is meant.
_PARENT = 0o755


def make(path: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """
    Make a directory, and what is missing above it. One that is there stays as
    it is, whatever it is.

    owner: (uid, gid) of the last one, if not ours. Raises OSError.
    """
    # Not abspath(): after a link, ".." is not what stands before it.
    path = path.rstrip("/") or "/"
    missing = []
    parent = os.path.dirname(path)
    while parent and not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for parent in reversed(missing):
        _make(parent, _PARENT, None)
    _make(path, mode, owner)


def open_to_all(path: str) -> None:
    """
    Give a directory the mode of one that make() makes above another one, if
    it is root's and there. Raises OSError.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        fd = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        status = os.fstat(fd)
        if (status.st_uid, status.st_gid) == (0, 0):
            os.fchmod(fd, status.st_mode | _PARENT)
    finally:
        os.close(fd)


def why(error: OSError, path: str) -> str:
    """
    Why a path cannot be used, in words: also which directory on the way to it
    our effective user may not enter.
    """
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        closed = _closed_above(path)
        if closed:
            reason += f": user {os.geteuid()} may not enter {closed}"
    return reason


def _closed_above(path: str) -> str | None:
    way = [os.path.dirname(os.path.abspath(path))]
    while way[-1] != "/":
        way.append(os.path.dirname(way[-1]))
    for directory in reversed(way):
        if not os.access(directory, os.X_OK, effective_ids=True):
            return directory if os.path.isdir(directory) else None
    return None


def _make(path: str, mode: int, owner: tuple[int, int] | None) -> None:
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        if os.path.isdir(path):
            return
        raise
    # Not by its name: it may be in a directory of somebody else, who could
    # have put a link in its place.
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(fd, mode)
        if owner is not None:
            os.fchown(fd, *owner)
    finally:
        os.close(fd)
