# SPDX-License-Identifier: GPL-2.0-or-later
"""
A copy in a file, which history.py has exported on this host or another one.

A user brings the file, and so it may be anything. What is put back decides
whether a domain is protected, so a file that every user can write is refused.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import copy_record
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import directories
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.change.copy_record import Copy


def read(path: str) -> Copy:
    """The copy in a file. Raises CopyUnusable."""
    try:
        record, status = copy_record.read_file(path)
        if status.st_mode & stat.S_IWOTH:
            raise ValueError("every user can write it: chmod o-w")
        return copy_record.parse(record)
    except OSError as e:
        reason = directories.why(e, path)
    except ValueError as e:
        reason = str(e)
    raise errors.CopyUnusable(printable(path), reason)


def require_domain(copy: Copy, path: str, sd_id: str) -> None:
    """
    Require that the metadata in a copy is that of this domain.

    path: of the file that the copy is from.

    Raises CopyUnusable.
    """
    found = md_lines.parse(copy.lines).values.get("SDUUID")
    if found == sd_id:
        return
    has = "has no SDUUID"
    if found is not None:
        has = f"has the SDUUID {printable(found)}"
    reason = f"its metadata {has}, and not {sd_id}"
    error = errors.CopyUnusable(printable(path), reason)
    error.sd_id = sd_id
    raise error
