# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that opens the lock file of a local domain. If
the storage hangs, this process hangs, and its parent does not.

The arguments are the number of a socket and the path of the file. The script
sends the open file over the socket, and says one line of JSON:

    {"opened": true}, or {"failed": REASON}
"""

from __future__ import annotations

import os
import socket
import stat

from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

# O_NONBLOCK: what is there instead of the file may be a FIFO, which would wait
# for its other end.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def main(args: Sequence[str]) -> None:
    number, path = args
    with socket.socket(fileno=int(number)) as sock:
        say(_open(sock, path))


def _open(sock: socket.socket, path: str) -> Mapping[str, Any]:
    """Send the open file, and return the line that tells of it."""
    try:
        fd = os.open(path, _OPEN)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError as e:
        return {"failed": e.strerror}
    if not regular:
        return {"failed": "it is not a regular file"}
    socket.send_fds(sock, [b"\0"], [fd])
    return {"opened": True}
