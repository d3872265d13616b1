# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the kernel says of mounts, without touching any of them.

/proc/self/mountinfo, proc(5): a line a mount,
    36 35 98:0 /root /mount/point rw,noatime - ext3 /dev/root rw
with blanks and backslashes in paths as octal escapes.
"""

from __future__ import annotations

import os
import re
from collections import namedtuple

_ESCAPE = re.compile(r"\\([0-7]{3})")

# Where one of these hangs, VDSM and libvirt hang first. On oVirt Node they
# are file systems of their own.
_OF_THE_HOST = {"/", "/usr", "/var", "/var/log"}

_IN_MEMORY = {"tmpfs", "devtmpfs", "proc", "sysfs"}


class Mount(namedtuple("Mount", "point fs_type source options root")):
    __slots__ = ()
    point: str
    fs_type: str
    source: str
    options: str
    root: str


def table(path="/proc/self/mountinfo"):
    """
    All mounts of this process, in the order they were made.

    In a chroot these are the ones below its root, and "/" is none of them if
    that is a plain directory. Where proc is not mounted, no mount is known.
    """
    # The kernel escapes LF, and no other character that ends a line.
    try:
        with open(
            path, encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as f:
            return [_parse(line) for line in f]
    except FileNotFoundError:
        return []


def holding(path, mounts):
    """
    The mount that a path without symbolic links lies on; the last wins. None
    if no mount of the table has it: then nothing is known of what is there.
    """
    found = None
    for mount in mounts:
        prefix = mount.point.rstrip("/") + "/"
        if (path + "/").startswith(prefix):
            if found is None or len(mount.point) >= len(found.point):
                found = mount
    return found


def of_file(fd) -> "Mount | None":
    """
    The mount of an open file, which is not touched; None if it is not known.
    """
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return None
    return holding(path, table())


def where(directory):
    """
    (file system, source and path on it) of a domain's directory, for
    BACKUP_ORIGIN.

    VDSM links local domains into its repository, which is on a disk of the
    host. A link is looked for only on such a file system and where nothing is
    mounted over it: even lstat of a mount point can hang.
    """
    mounts = table()
    parent, name = os.path.split(os.path.abspath(directory))
    mount = holding(parent, mounts)
    if cannot_hang(mount) and mount.point != parent and os.path.islink(parent):
        link = os.readlink(parent)
        parent = os.path.normpath(os.path.join(os.path.dirname(parent), link))
        mount = holding(parent, mounts)
    if mount is None:
        return "unknown", os.path.join(parent, name)
    base = mount.source
    if mount.root != "/":
        base += f"[{mount.root}]"
    inside = os.path.relpath(os.path.join(parent, name), mount.point)
    return mount.fs_type, f"{base}:{inside}"


def cannot_hang(mount) -> bool:
    """
    Whether a call to a file on a mount always comes back. Not if it is None,
    one that is not known. Not on any other disk of this host: its device may
    be a LUN.
    """
    if mount is None:
        return False
    return mount.point in _OF_THE_HOST or mount.fs_type in _IN_MEMORY


def _parse(line):
    left, _, right = line.rstrip("\n").partition(" - ")
    _, _, _, root, point = left.split(" ")[:5]
    fs_type, source, options = right.split(" ")[:3]
    return Mount(
        point=_unescape(point),
        fs_type=fs_type,
        source=_unescape(source),
        options=options,
        root=_unescape(root),
    )


def _unescape(text):
    return _ESCAPE.sub(lambda m: chr(int(m[1], 8)), text)
