# SPDX-License-Identifier: GPL-2.0-or-later
"""
Started as root, we do file I/O as VDSM does it, as vdsm:kvm: NFS exports
usually squash root. Only the effective user changes, so that the processes
that need root (LVM, the holder) can have it back.
"""

import os
import sys

from vdsm_backup import errors
from vdsm_backup.fileio import worker


def make_directories(options):
    """
    What a change needs on this host and only root can make. Who is not root
    finds them made, or is told so by who uses them.
    """
    if os.getuid() != 0:
        return
    make_run_dir(options)
    try:
        _make(options.history_dir, 0o700, options)
    except OSError as e:
        raise errors.HistoryFailed(options.history_dir, e.strerror)


def make_run_dir(options):
    """By root, for what this host remembers until it boots."""
    try:
        _make(options.run_dir, 0o755, options)
    except OSError as e:
        reason = f"{e.filename}: {e.strerror}"
        raise options.invalid("sanlock", "run_dir", reason)


def _make(path, mode, options):
    """For the user that we become. One that is there may be anything."""
    parent = os.path.dirname(os.path.abspath(path))
    os.makedirs(parent, mode=0o755, exist_ok=True)
    try:
        os.mkdir(path, mode=mode)
    except FileExistsError:
        if os.path.isdir(path):
            return
        raise
    os.chown(path, options.uid, options.gid)


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
        raise options.invalid("storage", "user", e.strerror)
    _require_our_code(options)


def _require_our_code(options):
    """The children of that user run it, and this process goes on with it."""
    for path in (worker.__file__, sys.executable):
        if not os.access(path, os.R_OK, effective_ids=True):
            raise options.invalid(
                "storage",
                "user",
                f"user {options.uid} cannot read {path}: install it where"
                " every user can",
            )
