# SPDX-License-Identifier: GPL-2.0-or-later
"""
Files that are on disk when we say so, also after a crash.

The name of a new file is on disk only after sync_directory(). Functions raise
OSError.
"""

from __future__ import annotations

import contextlib
import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def replace_json(
    path: str,
    content: Mapping[str, Any],
    owner: tuple[int, int] | None = None,
) -> None:
    """
    Put a file with this JSON, mode 0600, in the place of what has the name. A
    crash before this returns leaves the old file or the new one, whole.

    owner: user and group that get the new file; None: it is ours.

    One process at a time may do this for a path.
    """
    new = f"{path}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    # Left by a process that was killed.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    fd = os.open(new, flags, 0o600)
    if owner is not None:
        give(fd, owner)
    write_json(fd, content)
    rename(new, path)


def give(fd: int, owner: tuple[int, int]) -> None:
    """Give an open file to a user and group. If that fails, it is closed."""
    try:
        os.fchown(fd, *owner)
    except OSError:
        os.close(fd)
        raise


def rename(source: str, target: str) -> None:
    """Within a directory."""
    os.rename(source, target)
    sync_directory(os.path.dirname(target) or ".")


def write_json(fd: int, content: Mapping[str, Any]) -> None:
    """Write a new file as JSON, onto the disk, and close it."""
    try:
        left = memoryview(json.dumps(content).encode("ascii"))
        while left:
            left = left[os.write(fd, left) :]
        os.fsync(fd)
    finally:
        os.close(fd)


def sync_directory(path: str) -> None:
    """The names in a directory are on disk now."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
