# SPDX-License-Identifier: GPL-2.0-or-later
"""
The mounts of this host by the kernel's table, without touching any mount.

The table is /proc/self/mountinfo, proc(5), a line for each mount:

    36 35 98:0 /root /mount/point rw,noatime - ext3 /dev/root rw

Blanks and backslashes in paths are octal escapes.
"""

from __future__ import annotations

import os

from vdsm_backup.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# Mount points of the host's own file systems. Where one of these hangs, VDSM
# and libvirt hang first. On oVirt Node each is a file system of its own.
_OF_THE_HOST = {"/", "/usr", "/var", "/var/log"}

_IN_MEMORY = {"tmpfs", "devtmpfs", "devpts", "hugetlbfs", "proc", "sysfs"}


class Mount(Record):
    """
    One line of the table.

    root: the directory of the file system that is mounted.
    device: the number of the file system, "98:0"; "" if it is not known.
    is_read_only: this mount, or the whole file system.
    options: those of the file system, separated by commas.
    id, parent: the number of this mount, and that of the mount on which the
        mount point is; 0 if they are not known.
    """

    __slots__ = (
        "point",
        "fs_type",
        "source",
        "options",
        "root",
        "id",
        "parent",
        "device",
        "is_read_only",
    )

    def __init__(
        self,
        point: str,
        fs_type: str,
        source: str,
        options: str,
        root: str,
        id: int = 0,
        parent: int = 0,
        device: str = "",
        is_read_only: bool = False,
    ) -> None:
        self.point = point
        self.fs_type = fs_type
        self.source = source
        self.options = options
        self.root = root
        self.id = id
        self.parent = parent
        self.device = device
        self.is_read_only = is_read_only


def table(path: str = "/proc/self/mountinfo") -> list[Mount]:
    """
    All mounts that this process sees, in the order of the kernel's table.

    A process in a chroot sees those below its root. If the root is a plain
    directory, "/" is none of them. Where proc is not mounted, no mount is
    known.
    """
    # newline: of all characters that end a line to Python, the kernel escapes
    # LF only.
    try:
        with open(
            path, encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as f:
            return [_parse(line) for line in f]
    except FileNotFoundError:
        return []


def holding(path: str, mounts: Iterable[Mount]) -> Mount | None:
    """
    The mount that a path lies on. None if no mount of the table has the path:
    then nothing is known of what is there.

    path: absolute, without symbolic links.

    The way to the path begins at the root. On each mount on the way, the next
    mount is the one with the shortest mount point: it hides what was mounted
    below that point before. The order of the table does not tell what hides
    what, since "/" may stand behind the mounts that are on it.
    """
    way = path + "/"
    on_the_way = [
        mount
        for mount in mounts
        # Most end here: a table can have hundreds, and a path many names.
        if way.startswith(mount.point)
        and way.startswith(mount.point.rstrip("/") + "/")
    ]
    if not all(mount.id for mount in on_the_way):
        return _last_of_the_longest(on_the_way)
    ids = {mount.id for mount in on_the_way}
    # The first mount has no parent in the table: it is its own, or, in a
    # chroot, its parent is outside.
    candidates = [m for m in on_the_way if m.parent not in ids - {m.id}]
    found = None
    while candidates:
        shortest = min(len(mount.point) for mount in candidates)
        nearest = [m for m in candidates if len(m.point) == shortest][-1]
        candidates = [
            m
            for m in on_the_way
            if m.parent == nearest.id and m is not nearest
        ]
        found = nearest
    return found


def _last_of_the_longest(mounts: Iterable[Mount]) -> Mount | None:
    """
    The mount with the longest mount point, of several such the last one: what
    holds a path as far as can be told without the numbers of mounts.
    """
    found: Mount | None = None
    for mount in mounts:
        if found is None or len(mount.point) >= len(found.point):
            found = mount
    return found


def of_file(fd: int) -> Mount | None:
    """
    The mount of an open file, without touching the file; None if the mount is
    not known.

    The kernel tells the number of that mount. The path of the file may lead
    to another mount by now.
    """
    try:
        number = _mount_id(fd)
    except FileNotFoundError:
        return None
    for mount in table():
        if mount.id == number:
            return mount
    return None


def _mount_id(fd: int) -> int | None:
    """
    The number of the mount of an open file, from the line "mnt_id: 36" of
    /proc/PID/fdinfo, proc(5). Raises FileNotFoundError if there is no proc.
    """
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as f:
        for line in f:
            key, _, value = line.partition(":")
            if key == "mnt_id":
                return int(value)
    return None


def where(directory: str) -> tuple[str, str]:
    """
    Where the directory of a domain is, for BACKUP_ORIGIN: the type of its file
    system, and the source of the mount with the path on it. The type is
    "unknown" if the mount is not known.

    VDSM has a link to a local domain in its repository, which is on a disk of
    the host. A link is looked for only on a file system that cannot hang, and
    not at a mount point, of which even lstat can hang.
    """
    mounts = table()
    parent, name = os.path.split(os.path.abspath(directory))
    mount = holding(parent, mounts)
    if (
        mount is not None
        and cannot_hang(mount)
        and mount.point != parent
        and os.path.islink(parent)
    ):
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


def cannot_hang(mount: Mount | None) -> bool:
    """
    Whether a call to a file on a mount always comes back. False for None, a
    mount that is not known. False for a disk of this host that is not one of
    the host's own file systems: the disk may be a LUN.
    """
    if mount is None:
        return False
    return mount.point in _OF_THE_HOST or mount.fs_type in _IN_MEMORY


def _parse(line: str) -> Mount:
    left, _, right = line.rstrip("\n").partition(" - ")
    number, parent, device, root, point, own = left.split(" ")[:6]
    fs_type, source, options = right.split(" ")[:3]
    return Mount(
        point=_unescape(point),
        fs_type=fs_type,
        source=_unescape(source),
        options=options,
        root=_unescape(root),
        id=int(number),
        parent=int(parent),
        device=device,
        is_read_only="ro" in f"{own},{options}".split(","),
    )


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    import re

    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), text)
