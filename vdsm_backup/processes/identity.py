# SPDX-License-Identifier: GPL-2.0-or-later
"""
User and group of a child process, as options of subprocess.Popen.

A tool that was started as root does its file I/O as the configured user: only
the effective user changes (host/user.py). A child inherits that mixture of
two users, which some programs refuse, unless it is started with one of these.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def root() -> dict[str, Any]:
    """
    The child is root altogether, if this process was started as root.
    Otherwise it is what this process is.
    """
    if os.getuid() == 0 and os.geteuid() != 0:
        return {"user": 0, "group": 0}
    return {}


def become_root() -> None:
    """The same for this process, as Popen does it in a child."""
    wanted = root()
    if wanted:
        os.setregid(wanted["group"], wanted["group"])
        os.setreuid(wanted["user"], wanted["user"])


def effective() -> dict[str, Any]:
    """The child has our effective user and group, and no other."""
    uid, gid = os.geteuid(), os.getegid()
    if (os.getuid(), os.getgid()) == (uid, gid):
        return {}
    return {"user": uid, "group": gid}


def user(uid: int, gid: int) -> dict[str, Any]:
    """
    The child is this user, if this process was started as root. Otherwise it
    is what this process is.
    """
    if os.getuid() != 0:
        return {}
    return {"user": uid, "group": gid, "extra_groups": []}
