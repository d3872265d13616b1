# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: where paths lead when all links on them are followed.

Its arguments are the paths, on mounts that can hang for ever (see
processes/scripts.py). It writes one JSON object a line, flushed after each
path:

    {"path": "/a/link", "real": "/b/file"}

Before that, where the file is a device, its number (host/block_stack.py):

    {"path": "/a/link", "device": "block/253:3"}
"""

from __future__ import annotations

import os

from vdsm_backup.host import block_stack
from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable


def main(paths: Iterable[str]) -> None:
    for path in paths:
        number = block_stack.number(path)
        if number is not None:
            say({"path": path, "device": number})
        say({"path": path, "real": os.path.realpath(path)})
