# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that looks whether directories may be domains.
It is a process of its own, since the storage can hang. It opens nothing for
writing, and follows no links.

Its arguments are paths of directories. It says one JSON object a line, of each
directory that it can open:

    {"stray": PATH, "entries": [NAME, ...], "dom_md": KIND, "sd_id": TEXT}
    {"end": true}

entries: some of them. KIND is "", "directory", "link" or "other". sd_id is the
SDUUID of the metadata, or null.
"""

from __future__ import annotations

import contextlib
import os
import stat

from vdsm_backup.processes import regular_files
from vdsm_backup.processes.script_output import say
from vdsm_backup.storage.file import DOM_MD, METADATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_MAX_NAMES = 20

# Bytes of metadata that may hold the SDUUID.
_METADATA = 64 * 1024

_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def main(args: Sequence[str]) -> None:
    for path in args:
        # A file, say.
        with contextlib.suppress(OSError):
            say({"stray": path, **_stray(path)})
    say({"end": True})


def _stray(path: str) -> dict[str, Any]:
    """Raises OSError."""
    fd = regular_files.open_directory(path, _OPEN)
    try:
        entries = []
        with os.scandir(fd) as names:
            for entry in names:
                entries.append(entry.name)
                if len(entries) >= _MAX_NAMES:
                    break
        kind, sd_id = _kind(fd), None
        if kind == "directory":
            with contextlib.suppress(OSError):
                sd_id = _sd_id(fd)
        return {"entries": sorted(entries), "dom_md": kind, "sd_id": sd_id}
    finally:
        os.close(fd)


def _kind(fd: int) -> str:
    """What dom_md in this directory is. Raises OSError."""
    try:
        mode = os.stat(DOM_MD, dir_fd=fd, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return ""
    if stat.S_ISLNK(mode):
        return "link"
    return "directory" if stat.S_ISDIR(mode) else "other"


def _sd_id(directory: int) -> str | None:
    """The SDUUID in the metadata of a domain. Raises OSError."""
    dom_md = regular_files.open_directory(DOM_MD, dir_fd=directory)
    try:
        fd = regular_files.open_file(METADATA, _OPEN, dom_md)
    finally:
        os.close(dom_md)
    with open(fd, "rb") as f:
        text = f.read(_METADATA).decode("utf-8", "replace")
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "SDUUID":
            return value
    return None
