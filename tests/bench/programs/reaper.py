# SPDX-License-Identifier: GPL-2.0-or-later
"""
Starts a command, and stays above all that it starts: what becomes a daemon has
this process as its parent, and is waited for.

    reaper.py PROGRAM [ARGUMENT...]

SIGTERM goes to the command, also when whoever has started us is gone. The end
comes with that of the last process, and the exit code is the command's.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main():
    prctl = ctypes.CDLL(None).prctl
    if prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("there can be no subreaper")
    # It may come from now on, and there is no command yet.
    parent, ends = os.getppid(), {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("who has started us is gone")
    argv = sys.argv[1:]
    command = os.posix_spawn(argv[0], argv, os.environ, setsigmask=())
    signal.signal(signal.SIGTERM, lambda *_: os.kill(command, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
    code = None
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            sys.exit(code)
        if pid == command:
            code = os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
