# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether the Gluster volumes that are mounted show at once what another host has
changed.

A FUSE mount has files about itself in .meta (Gluster's translator "meta"). The
directory graphs/active in it has an entry for each translator that is in use.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdsm_backup.doctor import checks
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.host import filesystems
from vdsm_backup.text import os_reason, printable
from vdsm_backup.vm.links import mount_of

if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from vdsm_backup.config import Config
    from vdsm_backup.host.mounts import Mount

_ACTIVE = os.path.join(".meta", "graphs", "active")


def check(
    directories: Iterable[str], table: list[Mount], options: Config
) -> Iterator[checks.Finding]:
    """
    Findings, one for each Gluster mount that any of the directories is on.

    table: of mounts.table().
    """
    mounts = [mount_of(directory, table) for directory in directories]
    found = {
        mount.point: mount
        for mount in mounts
        if mount and mount.fs_type == filesystems.GLUSTER
    }
    for point in sorted(found):
        yield _finding(found[point], options)


def _finding(mount: Mount, options: Config) -> checks.Finding:
    source = printable(mount.source)
    name = f"gluster {source}"
    try:
        # The mount's own process makes this directory, and one on the way to
        # it is a link.
        active = os.path.join(mount.point, _ACTIVE)
        with choose.open(
            options.ioprocess, mount.point, options.io_timeout, base=active
        ) as io:
            translators = io.listdir(active)
    except (OSError, fileio.Timeout, fileio.Closed) as e:
        text = f"its options cannot be seen: {printable(os_reason(e))}"
        hint = "/usr/share/doc/vdsm-backup-domain/docs/filesystems.md, Gluster"
        return checks.Finding(name, checks.UNKNOWN, text, hint)
    caches = filesystems.to_switch_off(translators)
    if not caches:
        return checks.Finding(name, checks.OK, "shows changes at once")
    text = (
        f"{' and '.join(caches)} on: after a change on another host its"
        " domains may be unreadable for minutes, and their VMs do not start"
        " then"
    )
    # mount.glusterfs(8): host:/volume or host:volume, and perhaps a directory
    # of the volume behind it.
    volume = source.rpartition(":")[2].lstrip("/").partition("/")[0]
    commands = [
        f"gluster volume set {volume} {option} off" for option in caches
    ]
    return checks.Finding(name, checks.NOTE, text, "; ".join(commands))
