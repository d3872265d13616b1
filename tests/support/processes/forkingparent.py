# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process that forks a child.

    python -m tests.support.processes.forkingparent waiting REAL EFFECTIVE
    python -m tests.support.processes.forkingparent standard
    python -m tests.support.processes.forkingparent failing

waiting: says the pid of the child, which waits until somebody has looked at
it. The process was started as root, and becomes these users. standard: it has
closed its standard files before, and says what files the child has. failing:
what the child is to do fails; says how the child ended.
"""

import json
import os
import signal
import socket
import sys
import tempfile

from vdsm_backup.processes import forking

NAME = "forked-child"


def waiting(real, effective):
    kept = _inheritable()
    real, effective = int(real), int(effective)
    os.setgroups([36, 107])
    os.setresgid(real, effective, real)
    os.setresuid(real, effective, real)
    told, ready = os.pipe()
    until, end = os.pipe()

    def wait(fds):
        os.write(fds[0], b"x")
        os.read(fds[1], 1)

    pid = forking.start(wait, NAME, (ready, until))
    os.read(told, 1)
    print(pid, flush=True)
    sys.stdin.read()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert kept and end


def _inheritable():
    """Open files that also a program that we run would have."""
    kept = [tempfile.TemporaryFile(), socket.socket(), *os.pipe()]
    for each in kept:
        fd = each if isinstance(each, int) else each.fileno()
        os.set_inheritable(fd, True)
    return kept


def standard():
    out = os.dup(1)
    os.closerange(0, 3)
    told, say = os.pipe()
    assert max(told, say) < 3

    def tell(fds):
        names = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in range(3)}
        os.write(fds[0], json.dumps(names).encode())

    os.waitpid(forking.start(tell, NAME, [say]), 0)
    os.write(out, os.read(told, 4096))
    os._exit(0)


def failing():
    pid = forking.start(lambda fds: fds[1], NAME, [1])
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


if __name__ == "__main__":
    forking.allow()
    globals()[sys.argv[1]](*sys.argv[2:])
