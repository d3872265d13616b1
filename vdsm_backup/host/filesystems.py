# SPDX-License-Identifier: GPL-2.0-or-later
"""
What file systems cannot do that the flag wants. Pure functions; for people it
is docs/filesystems.md.
"""

from vdsm_backup.text import printable

GLUSTER = "fuse.glusterfs"

# They carry qemu's byte-range locks (F_OFD_SETLK) between hosts: NFS since
# version 4 by itself, version 3 by lockd, nfs(5); Gluster 10 and ceph-fuse 16
# as tests/e2e/cluster sees them; the kernel's CephFS asks the same MDS
# (Linux, fs/ceph/locks.c).
CARRY_LOCKS = {"nfs", "nfs4", GLUSTER, "ceph", "fuse.ceph-fuse"}

# No other host has them. It is not said that they answer: the device of one
# may be a LUN that hangs.
LOCAL = {"ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs"}

# Translators of Gluster that keep what another host has replaced since, and
# the options of a volume that switch them off. Seen with Gluster 10 by
# tests/e2e/cluster/rename_test.py; of open-behind Gluster's own developers say
# so (glusterfs issue 3785).
GLUSTER_CACHES = {
    "md-cache": "performance.stat-prefetch",
    "open-behind": "performance.open-behind",
}


def is_private(mount) -> bool:
    """
    Whether no other host has what is on a mount. Not if it is None, one that
    is not known; overlay has its files wherever its layers are.
    """
    return mount is not None and mount.fs_type in LOCAL


def unseen(mount):
    """
    Uses of images that no lock tells of, on this mount; None is one that is
    not known.
    """
    switched_off = "a qemu that has its image locks switched off"
    if mount is None:
        yield (
            "images open on other hosts, since no mount is known that the"
            " domain is on"
        )
        yield switched_off
        return
    options = mount.options.split(",")
    # nfs(5): `nolock`, and the options that it stands for. VDSM mounts NFSv3
    # this way. NFSv4 has no such thing.
    if {"nolock", "local_lock=all", "local_lock=posix"} & set(options):
        yield "images open on other hosts, since NFSv3 is mounted nolock"
    elif mount.fs_type not in CARRY_LOCKS | LOCAL:
        fs_type = printable(mount.fs_type)
        yield f"images open on other hosts, if {fs_type} carries no locks"
    if mount.fs_type == GLUSTER:
        yield "VMs of other hosts that use Gluster by libgfapi"
    yield switched_off


def to_switch_off(translators):
    """
    Options of a Gluster volume that are better off.

    translators: names of those of a mount, <volume>-<type>.
    """
    return [
        option
        for kind, option in GLUSTER_CACHES.items()
        if any(name.endswith(f"-{kind}") for name in translators)
    ]
