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

from vdsm_backup.processes import regular_files
from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


def main(args: Sequence[str]) -> None:
    number, path = args
    with socket.socket(fileno=int(number)) as sock:
        say(_open(sock, path))


def _open(sock: socket.socket, path: str) -> Mapping[str, Any]:
    """Send the open file, and return the line that tells of it."""
    try:
        fd = regular_files.open_file(path, os.O_RDONLY)
    except OSError as e:
        return {"failed": regular_files.why(e)}
    socket.send_fds(sock, [b"\0"], [fd])
    return {"opened": True}
