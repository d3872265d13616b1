# SPDX-License-Identifier: GPL-2.0-or-later
"""Who runs this command: a claim, not authenticated."""

from __future__ import annotations

import os
import pwd
import socket

LOGINUID = "/proc/self/loginuid"

# AUDIT_UID_UNSET in the kernel's include/linux/audit.h, (uid_t) -1: nobody
# logged in, the process is of a daemon or of a container.
UNSET = 4294967295


def user_and_host() -> tuple[str, str]:
    """
    The name of the user, and that of this host.

    The user is the one who logged in, who stays the same through su and sudo.
    Where nobody logged in it is the one who called sudo, and without sudo the
    user of this process. A user without a name is known by its number.
    """
    user = _login_user() or os.environ.get("SUDO_USER") or _real_user()
    return user, socket.gethostname()


def claimed(by: str) -> tuple[str, str]:
    """
    As user_and_host(), of somebody who is named: USER@HOST, or a user of this
    host.
    """
    user, _, host = by.rpartition("@")
    return (user, host) if user and host else (by, socket.gethostname())


def is_here(by: str) -> bool:
    """Whether USER@HOST, as a domain has it, names this host."""
    return by.rpartition("@")[2] == socket.gethostname()


def _login_user() -> str | None:
    try:
        with open(LOGINUID) as f:
            uid = int(f.read())
    except FileNotFoundError:
        # A kernel without audit.
        return None
    return None if uid == UNSET else _name(uid)


def _real_user() -> str:
    return _name(os.getuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
