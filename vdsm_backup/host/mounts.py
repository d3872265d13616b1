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


class Mount(
    namedtuple(
        "Mount",
        "point fs_type source options root id parent",
        defaults=(0, 0),
    )
):
    """
    One line of the table.

    id, parent: numbers of this mount and of the one that its point is on; 0
    if they are not known.
    """

    __slots__ = ()
    point: str
    fs_type: str
    source: str
    options: str
    root: str
    id: int
    parent: int


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
    The mount that a path without symbolic links lies on. None if no mount of
    the table has it: then nothing is known of what is there.

    From each mount on the way the nearest one that is mounted on it counts:
    it hides what was mounted below its point before. The order of the table
    tells nothing of that, since "/" may stand behind what is mounted on it.
    """
    on_the_way = [
        mount
        for mount in mounts
        if (path + "/").startswith(mount.point.rstrip("/") + "/")
    ]
    if not all(mount.id for mount in on_the_way):
        return _last_of_the_longest(on_the_way)
    ids = {mount.id for mount in on_the_way}
    # In a chroot the mount of the root is not in the table.
    nearest = [m for m in on_the_way if m.parent not in ids - {m.id}]
    found = None
    while nearest:
        shortest = min(len(mount.point) for mount in nearest)
        found = [m for m in nearest if len(m.point) == shortest][-1]
        nearest = [
            m for m in on_the_way if m.parent == found.id and m is not found
        ]
    return found


def _last_of_the_longest(mounts):
    found = None
    for mount in mounts:
        if found is None or len(mount.point) >= len(found.point):
            found = mount
    return found


def of_file(fd) -> "Mount | None":
    """
    The mount of an open file, which is not touched; None if it is not known.
    The kernel tells its number: by its path another one may be found.
    """
    try:
        number = _mount_id(fd)
    except FileNotFoundError:
        return None
    for mount in table():
        if mount.id == number:
            return mount
    return None


def _mount_id(fd):
    """proc(5), /proc/PID/fdinfo: a line "mnt_id: 36"."""
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as f:
        for line in f:
            key, _, value = line.partition(":")
            if key == "mnt_id":
                return int(value)
    return None


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
    number, parent, _, root, point = left.split(" ")[:5]
    fs_type, source, options = right.split(" ")[:3]
    return Mount(
        point=_unescape(point),
        fs_type=fs_type,
        source=_unescape(source),
        options=options,
        root=_unescape(root),
        id=int(number),
        parent=int(parent),
    )


def _unescape(text):
    return _ESCAPE.sub(lambda m: chr(int(m[1], 8)), text)
