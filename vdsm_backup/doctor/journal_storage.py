# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether systemd's journal takes what it is told, which is each refusal and
each change, and whether it has that after the next boot.

systemd-journald.service(8): what is kept is in /var/log/journal/MACHINE-ID,
and what is lost at boot below /run/log/journal, which journald removes when
it begins to keep.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from vdsm_backup.doctor.checks import AS_ROOT, NOTE, OK, UNKNOWN, Finding
from vdsm_backup.host import journal
from vdsm_backup.text import os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "journal"
_FILE = "system.journal"
_KEEP = "mkdir -p /var/log/journal; systemctl restart systemd-journald"


def check(path: str = journal.SOCKET, root: str = "/") -> Iterator[Finding]:
    """path: of journald's socket. root: in place of "/", for tests."""
    problem = _connect(path)
    if isinstance(problem, PermissionError):
        text = f"{path}: {problem.strerror}"
        yield Finding(_NAME, UNKNOWN, text, AS_ROOT)
        return
    if problem:
        text = f"{path}: {problem.strerror}: refusals and changes are not"
        text += " logged"
        hint = "systemctl status systemd-journald"
        yield Finding(_NAME, NOTE, text, hint)
        return
    try:
        with open(os.path.join(root, "etc/machine-id"), encoding="ascii") as f:
            machine = f.read().strip()
        volatile = os.path.join(root, "run/log/journal", machine, _FILE)
        kept = os.path.join(root, "var/log/journal", machine, _FILE)
        is_volatile, is_kept = _exists(volatile), _exists(kept)
    except (OSError, ValueError) as e:
        text = f"whether it is kept is not known: {os_reason(e)}"
        yield Finding(_NAME, UNKNOWN, text, AS_ROOT)
        return
    if is_volatile:
        text = "is volatile: who was refused, and who changed a flag, is"
        text += " forgotten at the next boot"
        yield Finding(_NAME, NOTE, text, _KEEP)
    elif not is_kept:
        text = "is not kept on this host: Storage=none in journald.conf?"
        yield Finding(_NAME, NOTE, text, _KEEP)
    else:
        yield Finding(_NAME, OK, "is kept, also when the host boots")


def _connect(path: str) -> OSError | None:
    """Why nobody reads the socket. Nothing is sent."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            s.connect(path)
    except OSError as e:
        return e
    return None


def _exists(path: str) -> bool:
    """Raises OSError if nobody can tell."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
