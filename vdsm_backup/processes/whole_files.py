# SPDX-License-Identifier: GPL-2.0-or-later
"""Files that others read while we write them anew: by a rename, never half."""

from __future__ import annotations

import contextlib
import os

from vdsm_backup.processes import regular_files


def replace(path: str, data: bytes, mode: int) -> None:
    """
    Put a file with this content in the place of what has the name. A reader
    gets the old file or the new one. Nothing is synced: this is for what the
    next run writes again.

    Only a regular file is replaced. A rename would take away a device such as
    /dev/null, or a link such as /dev/stdout, which everybody else needs.

    Raises OSError, as regular_files.require_file() for what is no regular
    file. What had the name is still there then.
    """
    with contextlib.suppress(FileNotFoundError):
        regular_files.require_file(os.lstat(path).st_mode)
    directory, name = os.path.split(path)
    # Hidden, and with another end: no reader of the directory takes it.
    new = os.path.join(directory, f".{name}.{os.getpid()}")
    # Left by a process that had our pid, and was killed.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(new, flags, 0o600)
    try:
        with open(fd, "wb") as f:
            f.write(data)
            os.fchmod(f.fileno(), mode)
        os.rename(new, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        raise
