# SPDX-License-Identifier: GPL-2.0-or-later
"""
Makes our directories on this host, with exactly the modes that are asked for.
mkdir() alone would take the bits of the caller's umask off a mode, and a user
may have any umask.
"""

from __future__ import annotations

import os

# The mode of a directory that is made because another one is to be in it.
_PARENT = 0o755


def make(path: str, mode: int, owner: tuple[int, int] | None = None) -> None:
    """
    Make a directory, and what is missing above it. A directory that exists
    stays as it is, whatever its mode and owner.

    owner: (uid, gid) of the directory itself, if not ours. Raises OSError.
    """
    # Not abspath(), which makes "/" of "/link/..". That may be another place.
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
    Let all users enter and list a directory, if it exists and belongs to
    root. Raises OSError.
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
    """The first directory on the way to a path that we may not enter."""
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
    # By a descriptor and not by its name: somebody else who owns the directory
    # above could have put a link in its place.
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        os.fchmod(fd, mode)
        if owner is not None:
            os.fchown(fd, *owner)
    finally:
        os.close(fd)
