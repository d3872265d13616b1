# SPDX-License-Identifier: GPL-2.0-or-later
"""
Started as root, we do file I/O as VDSM does it, as vdsm:kvm: NFS exports
usually squash root. Only the effective user changes, so that the processes
that need root (LVM, the holder) can have it back.
"""

import os

from vdsm_backup import errors


def make_directories(options):
    """
    What a change needs on this host and only root can make. Who is not root
    finds them made, or is told so by who uses them.
    """
    if os.getuid() != 0:
        return
    try:
        os.makedirs(options.run_dir, mode=0o755, exist_ok=True)
    except OSError as e:
        raise errors.ConfigInvalid(
            options.path, "[sanlock] run_dir", f"{e.filename}: {e.strerror}"
        )
    try:
        _make_history(options)
    except OSError as e:
        raise errors.HistoryFailed(options.history_dir, e.strerror)


def _make_history(options):
    parent = os.path.dirname(os.path.abspath(options.history_dir))
    os.makedirs(parent, mode=0o755, exist_ok=True)
    try:
        os.mkdir(options.history_dir, mode=0o700)
    except FileExistsError:
        return
    os.chown(options.history_dir, options.uid, options.gid)


def become_user(options):
    """The configured user and group, for this process and its children."""
    uid, gid = options.uid, options.gid
    if os.getuid() != 0 or (os.geteuid(), os.getegid()) == (uid, gid):
        return
    try:
        os.setgroups([gid])
        os.setegid(gid)
        os.seteuid(uid)
    except OSError as e:
        raise errors.ConfigInvalid(
            options.path, "[storage] user, group", e.strerror
        )
