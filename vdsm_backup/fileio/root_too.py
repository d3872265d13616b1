# SPDX-License-Identifier: GPL-2.0-or-later
"""
A worker (worker.py) for a directory that is closed to the user who reads
storage. What this user may not do, root tries. It only reads.

libvirt runs a VM as root sees the host: a domain that is mounted a second time
below a directory of mode 0700 is as good as any other to it. Root alone is not
enough, since NFS exports squash root: there root may see EACCES where the user
does not. One path may have both, so each name on it is tried by both. Only
what is refused to both is EACCES.

The process is root altogether, and is the other user by its effective identity
but for these attempts. It imports only the standard library, and what imports
only that.
"""

from __future__ import annotations

import os

from vdsm_backup.fileio import worker
from vdsm_backup.fileio.calls import DIRECTORY, Calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

_NAMES = ("lstat", "listdir", "readfile")


class RootToo(Calls):
    """uid, gid: of the user, who is the effective one already."""

    def __init__(self, base: bytes, uid: int, gid: int) -> None:
        super().__init__(base)
        self._uid = uid
        self._gid = gid

    def _allowed(self, call: Callable[..., T], *args: Any, **more: Any) -> T:
        try:
            return call(*args, **more)
        except PermissionError:
            _become(0, 0)
            try:
                return call(*args, **more)
            finally:
                _become(self._uid, self._gid)

    def _open_base(self) -> int:
        fd = os.open(b"/", DIRECTORY)
        for part in filter(None, self._base.split(b"/")):
            try:
                deeper = self._allowed(os.open, part, DIRECTORY, dir_fd=fd)
            finally:
                os.close(fd)
            fd = deeper
        return fd


def _become(uid: int, gid: int) -> None:
    # Only root can change the group.
    os.seteuid(0)
    os.setegid(gid)
    os.seteuid(uid)


def main(args: list[str]) -> None:
    """
    args: the descriptor of the socket, the base of Calls, and the user and
    group.
    """
    fd, base, uid, gid = args
    if os.geteuid() == 0:
        os.setgroups([int(gid)])
        _become(int(uid), int(gid))
    calls = RootToo(os.fsencode(base), int(uid), int(gid))
    worker.serve(int(fd), calls, _NAMES)
