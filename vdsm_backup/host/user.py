# SPDX-License-Identifier: GPL-2.0-or-later
"""
The user that reads and writes storage, and the directories that it needs.

A tool or hook that was started as root does its file I/O as VDSM does, as
vdsm:kvm, since NFS exports usually squash root. Only the effective user
changes: the child processes that need root (LVM, the holder of the lease) can
become root again.
"""

from __future__ import annotations

import os
import sys

from vdsm_backup import config, errors
from vdsm_backup.processes import directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vdsm_backup.config import Config

# The directory of the product on this host: contrib/tmpfiles.d. It belongs to
# root and has mode 0755.
_VAR_LIB = os.path.dirname(config.DEFAULTS["history"]["dir"])


def make_directories(options: Config) -> None:
    """
    Create the run and history directories, owned by the configured user. Does
    nothing unless we are root: the code that uses a missing directory reports
    it.

    Raises HistoryFailed, or RunDirFailed.
    """
    if os.getuid() != 0:
        return
    make_run_dir(options)
    path = options.history_dir
    try:
        # Earlier versions made it with root's umask. With 027, user vdsm
        # could not enter it. No other directory is opened: an administrator
        # may have closed it on purpose.
        if os.path.dirname(os.path.abspath(path)) == _VAR_LIB:
            directories.open_to_all(_VAR_LIB)
        directories.make(path, 0o700, (options.uid, options.gid))
    except OSError as e:
        raise errors.HistoryFailed(path, directories.why(e, path))


def make_run_dir(options: Config) -> None:
    """
    Create the run directory, which has what this host remembers until it
    boots. Call it as root. Raises RunDirFailed.
    """
    try:
        owner = options.uid, options.gid
        directories.make(options.run_dir, 0o755, owner)
    except OSError as e:
        raise errors.RunDirFailed(options.run_dir, e.strerror or str(e))


def become_user(options: Config) -> None:
    """
    Make the configured user and group the effective ones of this process. Does
    nothing unless we were started as root.

    Raises ConfigInvalid if this cannot be done, or if that user cannot read
    our code.
    """
    uid, gid = options.uid, options.gid
    if os.getuid() != 0 or (os.geteuid(), os.getegid()) == (uid, gid):
        return
    try:
        os.setgroups([gid])
        os.setegid(gid)
        os.seteuid(uid)
    except OSError as e:
        reason = e.strerror or str(e)
        raise options.invalid("storage", "user", reason)
    _require_our_code(options)


def become_caller_again() -> None:
    """
    Undo become_user(): the process writes as who has started it, where only
    that user may.
    """
    os.seteuid(os.getuid())
    os.setegid(os.getgid())


def _require_our_code(options: Config) -> None:
    """
    Raise ConfigInvalid if the effective user cannot read our code, from which
    this process still imports modules, and which its children run.
    """
    for path in (errors.__file__, sys.executable):
        if not os.access(path, os.R_OK, effective_ids=True):
            # No option is wrong, whatever the code of the error says: a hook
            # may raise it, and there is no other code for it.
            text = (
                f"This program is not where it can work: user {options.uid}"
                f" cannot read {path}; install it where every user can, or"
                " start it from such a directory"
            )
            code = errors.ConfigInvalid.code
            raise errors.from_text(code, text, hints=())
