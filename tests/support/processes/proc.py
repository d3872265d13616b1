# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding and killing the processes of the product, by what they are."""

import os
import signal


def children(pid):
    """Pids of the children of a process, and of their children, and so on."""
    below = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        below.setdefault(_parent(name), []).append(int(name))
    found = [pid]
    for parent in found:
        found += below.get(parent, [])
    return found[1:]


def command(pid):
    """The command line, empty for a process that is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def find(pid, *words):
    """Those below pid whose command line has one of the words."""
    return [
        child
        for child in children(pid)
        if any(word in command(child) for word in words)
    ]


def kill(pids, number=signal.SIGKILL):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # It has ended by itself.


def stopped(pid):
    """By a signal, or it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] in "TZ"
    except (FileNotFoundError, ProcessLookupError):
        return True


def alive(pid):
    """Not even a zombie has open files any more."""
    try:
        return bool(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _parent(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None
