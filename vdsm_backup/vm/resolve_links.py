# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: what paths are when all links on them are followed.

Its arguments are the paths, on mounts that can hang for ever (see
processes/scripts.py). One JSON object a line, flushed after each path:

    {"path": "/a/link", "real": "/b/file"}
"""

import os

from vdsm_backup.processes.script_output import say


def main(paths):
    for path in paths:
        say({"path": path, "real": os.path.realpath(path)})
