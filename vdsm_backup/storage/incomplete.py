# SPDX-License-Identifier: GPL-2.0-or-later
"""
A directory that has the name of a file domain, and no dom_md that we can read:
what is wrong with it, or that it is no domain.
"""

from __future__ import annotations

import os
import shlex
import stat

from vdsm_backup import errors
from vdsm_backup.storage.file import DOM_MD
from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from vdsm_backup.fileio.base import FileIO

# What stands where dom_md is looked for.
NOTHING = ""
DIRECTORY = "directory"
LINK = "link"
OTHER = "other"

# What a domain has beside its dom_md. VDSM leaves an empty directory when it
# formats a domain.
_OF_A_DOMAIN = {"images", "master"}


def dom_md(io: FileIO, directory: str) -> str:
    """What stands where dom_md is looked for. Raises what a FileIO does."""
    try:
        mode = io.lstat(os.path.join(directory, DOM_MD)).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return NOTHING
    if stat.S_ISLNK(mode):
        return LINK
    return DIRECTORY if stat.S_ISDIR(mode) else OTHER


def look(
    io: FileIO, sd_id: str, directory: str, found: str
) -> errors.Error | None:
    """
    As problem(), found: what dom_md() has said. Raises what a FileIO does.
    """
    entries: list[str] = []
    if found == NOTHING:
        try:
            entries = io.listdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            # It is a file, or it was removed just now.
            pass
    return problem(sd_id, directory, found, entries)


def problem(
    sd_id: str, directory: str, found: str, entries: Collection[str]
) -> errors.Error | None:
    """
    Why a domain cannot be used. None: nothing says that it is, or was, one.

    directory: of the domain. found: what stands where dom_md is looked for.
    entries: names in the directory; they count where there is nothing.
    """
    if found == LINK:
        text = "its dom_md is a symbolic link, which list, set and clear do"
        return errors.ChangeWouldFail(sd_id, f"{text} not follow")
    if found == OTHER:
        return _refused(sd_id, directory, "its dom_md is no directory")
    if found == DIRECTORY or not _OF_A_DOMAIN & set(entries):
        return None
    return gone(sd_id, directory)


def gone(sd_id: str, directory: str) -> errors.DomainRefused:
    """The error of a domain that has no dom_md any more."""
    return _refused(sd_id, directory, "its dom_md is gone")


def _refused(sd_id: str, directory: str, text: str) -> errors.DomainRefused:
    error = errors.DomainRefused(sd_id, text)
    error.is_nameless = True
    error.way_out = [
        f"see what is there: ls -la {shlex.quote(printable(directory))}",
        "put dom_md back, with all that was in it, from a snapshot or a backup"
        " of the storage; copies of its metadata alone, on the hosts that have"
        f" changed it: vdsm-backup-domain history {sd_id}",
    ]
    return error
