# SPDX-License-Identifier: GPL-2.0-or-later
"""
Mounts of VDSM that are there more than once.

One mount over another, at one mount point: the one below is hidden; VDSM
unmounts but one, and then sees the other.

One export at two mount points, as after a change of its path in the engine, or
by hand: each domain there is in two places, and none of them can be changed by
its UUID. What is mounted tells that, and the number of the file system, which
is the same where one server has two names; of two Gluster mounts it differs.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from vdsm_backup.doctor.checks import NOTE, Finding
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vdsm_backup.host.mounts import Mount

_NAME = "mounts"


def check(repo_root: str, table: Iterable[Mount]) -> Iterator[Finding]:
    """table: of mounts.table()."""
    below = os.path.join(os.path.abspath(repo_root), "mnt", "")
    ours = [mount for mount in table if mount.point.startswith(below)]
    points = Counter(mount.point for mount in ours)
    for point, count in sorted(points.items()):
        if count > 1:
            shown = printable(point)
            text = f"{shown} is mounted {count} times, one over the other"
            hint = "put its domain into maintenance, then umount what is left"
            yield Finding(_NAME, NOTE, text, f"{hint}: umount {shown}")
    yield from _twice(ours)


def _twice(mounts: Iterable[Mount]) -> Iterator[Finding]:
    # The last one at a point is what is seen there.
    left = sorted({m.point: m for m in mounts}.values(), key=lambda m: m.point)
    while left:
        first, *others = left
        same = [first, *(m for m in others if _is_same(first, m))]
        left = [m for m in others if m not in same]
        if len(same) == 1:
            continue
        shown = [printable(mount.point) for mount in same]
        text = f"{printable(first.source)} is mounted at {' and '.join(shown)}"
        text += ": its domains are in each of them"
        hint = "put them into maintenance, then umount what no storage"
        hint += f" connection of the engine has: umount {' or '.join(shown)}"
        yield Finding(_NAME, NOTE, text, hint)


def _is_same(one: Mount, other: Mount) -> bool:
    """Whether both are one directory of one file system."""
    if one.root != other.root:
        return False
    if one.device and one.device == other.device:
        return True
    if one.fs_type != other.fs_type or not _names_storage(one.source):
        return False
    return one.source.rstrip("/") == other.source.rstrip("/")


def _names_storage(source: str) -> bool:
    """Whether it is a share or a device, and no name of a file system."""
    return ":" in source or source.startswith("/")
