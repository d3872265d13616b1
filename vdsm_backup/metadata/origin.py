# SPDX-License-Identifier: GPL-2.0-or-later
"""
BACKUP_ORIGIN: tells a replica of a domain from the original. Pure functions.

    file:<file system>,ino:<inode of dom_md/ids>,at:<server:path>
    pv:<UUID of the metadata PV>,wwid:<WWID of its LUN>

A note for people in `show` and `verify`; the guard never decides by it.
"""

import re

from vdsm_backup.text import printable

SAME = "same"
MOVED = "moved"
COPIED = "copied"
REPLICA = "replica"
UNKNOWN = "unknown"

_FILE = re.compile(r"file:([^,]*),ino:(\d+),at:(.*)")
_BLOCK = re.compile(r"pv:([^,]*),wwid:(.*)")


def file_origin(fs_type, inode, at):
    """A path may hold what would end a line of metadata."""
    return f"file:{fs_type},ino:{inode},at:{printable(at)}"


def match_file(stored, current):
    """
    Another inode: the files were copied. Only the path differs: the export
    moved, or the whole file system was replicated.
    """
    then, now = _FILE.fullmatch(stored), _FILE.fullmatch(current)
    if not then or not now:
        return UNKNOWN
    if then[2] != now[2]:
        return COPIED
    return SAME if then.groups() == now.groups() else MOVED


def block_origin(pv_uuid, wwid):
    return f"pv:{pv_uuid},wwid:{wwid}"


def match_block(stored, wwids):
    """
    wwids: WWID by the UUID of each PV that the VG has now.

    The PV under another WWID: a replica, or the array was migrated. The PV
    gone (pvmove, vgreduce), or a WWID not known: nothing can be said.
    """
    then = _BLOCK.fullmatch(stored)
    if not then or not then[2] or not wwids.get(then[1]):
        return UNKNOWN
    return SAME if wwids[then[1]] == then[2] else REPLICA
