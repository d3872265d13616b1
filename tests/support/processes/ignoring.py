# SPDX-License-Identifier: GPL-2.0-or-later
"""
Runs a command as a caller that does not care for its children, and has the
kernel reap them, nor for Ctrl-C: python ignoring.py COMMAND [ARG...]
"""

import os
import signal
import sys

if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.execvp(sys.argv[1], sys.argv[1:])
