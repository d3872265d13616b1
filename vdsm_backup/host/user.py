# SPDX-License-Identifier: GPL-2.0-or-later
"""
Started as root, we do file I/O as VDSM does it, as vdsm:kvm: NFS exports
usually squash root. Only the effective user changes, so that the processes
that need root (LVM, the holder) can have it back.
"""

import os
import sys

from vdsm_backup import config, errors
from vdsm_backup.processes import directories, spawn

# The package's own, see contrib/tmpfiles.d: root's, 0755.
_VAR_LIB = os.path.dirname(config.DEFAULTS["history"]["dir"])


def make_directories(options):
    """
    What a change needs on this host and only root can make. Who is not root
    finds them made, or is told so by who uses them.
    """
    if os.getuid() != 0:
        return
    make_run_dir(options)
    path = options.history_dir
    try:
        # An earlier run made it by root's umask, and with 027 user vdsm
        # could not enter it. No other directory is opened: who closed that
        # one may have meant it.
        if os.path.dirname(os.path.abspath(path)) == _VAR_LIB:
            directories.open_to_all(_VAR_LIB)
        directories.make(path, 0o700, (options.uid, options.gid))
    except OSError as e:
        raise errors.HistoryFailed(path, e.strerror)


def make_run_dir(options):
    """By root, for what this host remembers until it boots."""
    try:
        owner = options.uid, options.gid
        directories.make(options.run_dir, 0o755, owner)
    except OSError as e:
        reason = f"{e.filename}: {e.strerror}"
        raise options.invalid("sanlock", "run_dir", reason)


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
    for path in (spawn.__file__, sys.executable):
        if not os.access(path, os.R_OK, effective_ids=True):
            raise options.invalid(
                "storage",
                "user",
                f"user {options.uid} cannot read {path}: install it where"
                " every user can",
            )
