# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether a change finds room on this host: for the record of what it has to tidy
up ([sanlock] run_dir), and for the copy of the metadata ([history] dir).
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.doctor.checks import BAD, OK, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vdsm_backup.config import Config

_NAME = "room"


def check(options: Config) -> Iterator[Finding]:
    found = False
    places = (
        ("[sanlock] run_dir", options.run_dir),
        ("[history] dir", options.history_dir),
    )
    for option, path in places:
        # A change makes the directory.
        there = _existing(os.path.abspath(path))
        problem = _problem(there)
        if problem:
            found = True
            hint = "; ".join(errors.hints_of_place(there, problem))
            text = f"a change would fail: {option} {path}: {problem}"
            yield Finding(_NAME, BAD, text, hint)
    if not found:
        text = f"there is some in {options.run_dir} and {options.history_dir}"
        yield Finding(_NAME, OK, text)


def _existing(path: str) -> str:
    while not os.path.lexists(path) and path != "/":
        path = os.path.dirname(path)
    return path


def _problem(path: str) -> str:
    """What keeps a file from being made there, in words of the kernel; ""."""
    try:
        found = os.statvfs(path)
    except OSError as e:
        return e.strerror or str(e)
    number = 0
    if not os.path.isdir(path):
        number = errno.ENOTDIR
    elif found.f_flag & os.ST_RDONLY:
        number = errno.EROFS
    elif found.f_blocks and not found.f_bavail:
        number = errno.ENOSPC
    elif found.f_files and not found.f_favail:
        # Some file systems count no inodes.
        number = errno.ENOSPC
    return os.strerror(number) if number else ""
