# SPDX-License-Identifier: GPL-2.0-or-later
"""
BACKUP_ORIGIN: tells a replica of a domain from the original. Pure functions.

    file:<file system>,ino:<inode of dom_md/ids>,at:<server:path>
    pv:<UUID of the metadata PV>,wwid:<WWID of its LUN>

It is a note for people, in `show` and `verify`. The guard never decides by it.
"""

from __future__ import annotations

import re

from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping

# How a domain relates to the origin that its metadata has.
SAME = "same"
MOVED = "moved"
COPIED = "copied"
REPLICA = "replica"
UNKNOWN = "unknown"

# Compiled where an origin is compared: most domains have none.
_FILE = r"file:([^,]*),ino:(\d+),at:(.*)"
_BLOCK = r"pv:([^,]*),wwid:(.*)"


def file_origin(fs_type: str, inode: int, at: str) -> str:
    """
    The origin of a file domain.

    at: the server and path of its directory. Characters that would end a line
    of metadata are escaped.
    """
    return f"file:{fs_type},ino:{inode},at:{printable(at)}"


def match_file(stored: str, current: str) -> str:
    """
    How a file domain relates to the origin that its metadata has.

    stored: that origin. current: the origin of the domain as it is now.

    Another inode means COPIED: the files were copied. If only the file system
    or the path differs it is MOVED: the export moved, or the whole file system
    was replicated.
    """
    then, now = re.fullmatch(_FILE, stored), re.fullmatch(_FILE, current)
    if not then or not now:
        return UNKNOWN
    if then[2] != now[2]:
        return COPIED
    return SAME if then.groups() == now.groups() else MOVED


def block_origin(pv_uuid: str, wwid: str) -> str:
    """
    The origin of a block domain.

    pv_uuid: that of its metadata PV. wwid: that of the LUN, "" if unknown.
    """
    return f"pv:{pv_uuid},wwid:{wwid}"


def match_block(stored: str, wwids: Mapping[str, str]) -> str:
    """
    How a block domain relates to the origin that its metadata has.

    stored: that origin. wwids: {UUID of a PV: WWID of its LUN} for each PV
    that the VG has now.

    The PV under another WWID means REPLICA: the LUN is a replica, or the array
    was migrated. If the PV is gone (pvmove, vgreduce), or one of the WWIDs is
    not known, nothing can be said: UNKNOWN.
    """
    then = re.fullmatch(_BLOCK, stored)
    if not then or not then[2] or not wwids.get(then[1]):
        return UNKNOWN
    return SAME if wwids[then[1]] == then[2] else REPLICA
