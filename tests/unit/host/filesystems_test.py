# SPDX-License-Identifier: GPL-2.0-or-later
import os
import re

import pytest

from tests import ROOT
from vdsm_backup.host import filesystems
from vdsm_backup.host.mounts import Mount

DOC = os.path.join(ROOT, "docs", "filesystems.md")

DEFAULT = ["top", "data", "data-md-cache", "data-open-behind", "data-dht"]


@pytest.mark.parametrize(
    "fs_type, private",
    [
        *[(fs_type, True) for fs_type in ("ext2", "ext3", "ext4")],
        *[(fs_type, True) for fs_type in ("xfs", "btrfs", "tmpfs")],
        *[(fs_type, False) for fs_type in ("nfs", "nfs4", "ceph", "cifs")],
        *[(fs_type, False) for fs_type in ("fuse.glusterfs", "fuse", "9p")],
        # Its layers may be anywhere.
        ("overlay", False),
        # Of clusters.
        ("gfs2", False),
        ("ocfs2", False),
        ("", False),
    ],
)
def test_is_private(fs_type, private):
    mount = Mount("/m", fs_type, "/dev/mapper/x", "rw", "/")
    assert filesystems.is_private(mount) is private


def test_what_is_not_known_is_not_private():
    assert filesystems.is_private(None) is False


@pytest.mark.parametrize(
    "translators, options",
    [
        (DEFAULT, ["performance.stat-prefetch", "performance.open-behind"]),
        (["data-open-behind"], ["performance.open-behind"]),
        (["my-md-cache-md-cache"], ["performance.stat-prefetch"]),
        (["md-cache", "open-behind-dht", "data-dht"], []),
    ],
)
def test_to_switch_off(translators, options):
    assert filesystems.to_switch_off(translators) == options


def test_the_document_says_the_same():
    with open(DOC) as f:
        text = f.read()
    rows = {}
    for row in re.findall(r"^\| (`.*)\|$", text, re.M):
        cells = row.split("|")
        for fs_type in re.findall("`([^`]*)`", cells[0])[:9]:
            if fs_type != "fs_type":
                rows[fs_type] = cells[-1].strip()
    assert set(rows) == filesystems.CARRY_LOCKS | filesystems.LOCAL
    local = {fs for fs, said in rows.items() if "no other host" in said}
    assert local == filesystems.LOCAL
    for option in filesystems.GLUSTER_CACHES.values():
        assert f"gluster volume set VOLUME {option} off\n" in text
