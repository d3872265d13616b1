# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the flag wants of a file system, and some cannot do. Pure functions;
docs/filesystems.md tells administrators the same.
"""

from __future__ import annotations

from vdsm_backup.text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vdsm_backup.host.mounts import Mount

GLUSTER = "fuse.glusterfs"

# File systems that carry qemu's byte-range locks (F_OFD_SETLK) between hosts:
# NFS version 4 by itself and version 3 by lockd, nfs(5); Gluster 10 and
# ceph-fuse 16, as tests/e2e/cluster sees; the kernel's CephFS, which asks the
# same MDS (Linux, fs/ceph/locks.c).
CARRY_LOCKS = {"nfs", "nfs4", GLUSTER, "ceph", "fuse.ceph-fuse"}

# File systems that no other host has. They can hang nevertheless: the device
# under one may be a LUN.
LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs"}

# Translators of Gluster that cache what another host has replaced since, and
# the option of a volume by which each is switched off. The test
# tests/e2e/cluster/rename_test.py has seen it with Gluster 10. Gluster's own
# developers say it of open-behind (glusterfs issue 3785).
GLUSTER_CACHES = {
    "md-cache": "performance.stat-prefetch",
    "open-behind": "performance.open-behind",
}


def is_private(mount: Mount | None) -> bool:
    """
    Whether no other host has what is on a mount. False for None, a mount that
    is not known. False for overlay, which has its files wherever its layers
    are.
    """
    return mount is not None and mount.fs_type in LOCAL


def unseen(mount: Mount | None) -> Iterator[str]:
    """
    Uses of images on a mount that cannot be seen by qemu's locks, in words,
    but for what is so everywhere, a qemu that has them switched off, and for
    never_seen().

    mount: None if it is not known.
    """
    if mount is None:
        yield (
            "images open on other hosts, since no mount is known that the"
            " domain is on"
        )
        return
    options = mount.options.split(",")
    # nfs(5): `nolock`, and the options that it stands for. VDSM mounts NFSv3
    # with it. NFSv4 has no such option.
    if {"nolock", "local_lock=all", "local_lock=posix"} & set(options):
        yield "images open on other hosts, since NFSv3 is mounted nolock"
    elif mount.fs_type not in CARRY_LOCKS | LOCAL:
        fs_type = printable(mount.fs_type)
        yield f"images open on other hosts, if {fs_type} carries no locks"


def never_seen(mount: Mount | None) -> Iterator[str]:
    """
    The same of what is so on each mount of this type.
    """
    if mount is not None and mount.fs_type == GLUSTER:
        yield "VMs of other hosts that use Gluster by libgfapi"


def to_switch_off(translators: Iterable[str]) -> list[str]:
    """
    Options of a Gluster volume that should be off, and are on.

    translators: the names of those that a mount has, <volume>-<type>.
    """
    return [
        option
        for kind, option in GLUSTER_CACHES.items()
        if any(name.endswith(f"-{kind}") for name in translators)
    ]
