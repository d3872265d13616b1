# SPDX-License-Identifier: GPL-2.0-or-later
"""
doctor's look at the Gluster volumes that are mounted: do they show at once
what another host has changed.

A FUSE mount tells of itself below .meta (Gluster's translator "meta"), in
which graphs/active has an entry for each translator that is in use.
"""

import os

from vdsm_backup.doctor import checks
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.host import filesystems
from vdsm_backup.text import printable
from vdsm_backup.vm.paths import mount_of

_ACTIVE = os.path.join(".meta", "graphs", "active")


def check(places, table, options):
    """
    Findings, one for each Gluster mount that any of these places is on.

    places: directories. table: all mounts.
    """
    on = [mount_of(place, table) for place in places]
    found = {m.point: m for m in on if m and m.fs_type == filesystems.GLUSTER}
    for point in sorted(found):
        yield _look(found[point], options)


def _look(mount, options):
    source = printable(mount.source)
    name = f"gluster {source}"
    try:
        with choose.open(
            options.ioprocess, mount.point, options.io_timeout
        ) as io:
            translators = io.listdir(os.path.join(mount.point, _ACTIVE))
    except (OSError, fileio.Timeout, fileio.Closed) as e:
        text = f"its options cannot be seen: {printable(str(e))}"
        hint = "docs/filesystems.md, Gluster"
        return checks.Finding(name, checks.NOTE, text, hint)
    on = filesystems.to_switch_off(translators)
    if not on:
        return checks.Finding(name, checks.OK, "shows changes at once")
    text = (
        f"{' and '.join(on)} on: after a change on another host its domains"
        " may be unreadable for minutes, and their VMs do not start then"
    )
    # host:/volume, host:volume, or with a directory of it, mount.glusterfs(8).
    volume = source.rpartition(":")[2].lstrip("/").partition("/")[0]
    commands = [f"gluster volume set {volume} {option} off" for option in on]
    return checks.Finding(name, checks.NOTE, text, "; ".join(commands))
