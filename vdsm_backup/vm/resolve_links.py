# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: what paths are when all links on them are followed.

Its arguments are the paths, on mounts that can hang for ever (see
processes/scripts.py). One JSON object a line, flushed after each path:

    {"path": "/a/link", "real": "/b/file"}
"""

import json
import os
import sys


def main(paths):
    for path in paths:
        _say({"path": path, "real": os.path.realpath(path)})


def _say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()
