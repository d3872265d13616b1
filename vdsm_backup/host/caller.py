# SPDX-License-Identifier: GPL-2.0-or-later
"""Who runs this command, for BACKUP_BY: a claim, not authenticated."""

import os
import pwd
import socket

from vdsm_backup.metadata.encoding import MAX_TAG, encode_tag

LOGINUID = "/proc/self/loginuid"

# AUDIT_UID_UNSET in the kernel's include/linux/audit.h, (uid_t) -1: nobody
# logged in, a daemon or a container.
UNSET = 4294967295

_KEY = "BACKUP_BY"


def who():
    """
    user@host. The user who logged in, who stays the same through su and
    sudo; else who called sudo; else the user of this process.
    """
    user = _login_user() or os.environ.get("SUDO_USER") or _real_user()
    return short(user, socket.gethostname())


def short(user, host):
    """
    user@host in one line, that fits a VG tag: the longer part is cut.
    """
    user, host = _plain(user), _plain(host)
    while len(encode_tag(f"{_KEY}={user}@{host}")) > MAX_TAG:
        if len(user) > len(host):
            user = user[:-1]
        else:
            host = host[:-1]
    return f"{user}@{host}"


def _login_user():
    try:
        with open(LOGINUID) as f:
            uid = int(f.read())
    except FileNotFoundError:
        # A kernel without audit.
        return None
    return None if uid == UNSET else _name(uid)


def _real_user():
    return _name(os.getuid())


def _name(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _plain(text):
    return "".join(c for c in text if c.isprintable())
