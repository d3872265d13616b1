# SPDX-License-Identifier: GPL-2.0-or-later
"""
Sends SIGTERM, and stays until its input is closed, as sanlock's helper does.

    python -m tests.support.lease.killer PID [child]

child: a child of this process does it.
"""

import os
import signal
import sys

from tests.support import programs

if __name__ == "__main__":
    pid, *child = sys.argv[1:]
    if child:
        programs.run("tests.support.lease.killer", pid, capture_output=False)
    else:
        os.kill(int(pid), signal.SIGTERM)
        sys.stdin.read()
