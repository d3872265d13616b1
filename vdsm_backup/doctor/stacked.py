# SPDX-License-Identifier: GPL-2.0-or-later
"""
Mount points of VDSM that are mounted more than once, one mount over another.
The one below is hidden; VDSM unmounts but one, and then sees the other.
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


def check(repo_root: str, table: Iterable[Mount]) -> Iterator[Finding]:
    """table: of mounts.table()."""
    below = os.path.join(os.path.abspath(repo_root), "mnt", "")
    points = Counter(m.point for m in table if m.point.startswith(below))
    for point, count in sorted(points.items()):
        if count > 1:
            shown = printable(point)
            text = f"{shown} is mounted {count} times, one over the other"
            hint = "put its domain into maintenance, then umount what is left"
            yield Finding("mounts", NOTE, text, f"{hint}: umount {shown}")
