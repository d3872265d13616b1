# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: where paths lead when all links on them are followed.

Its arguments are the paths, on mounts that can hang for ever (see
processes/scripts.py). It writes one JSON object a line, flushed after each
path:

    {"path": "/a/link", "real": "/b/file"}
"""

from __future__ import annotations

import os

from vdsm_backup.processes.script_output import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable


def main(paths: Iterable[str]) -> None:
    for path in paths:
        say({"path": path, "real": os.path.realpath(path)})
