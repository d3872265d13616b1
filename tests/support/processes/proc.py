# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding and killing the processes of the product, by what they are."""

import contextlib
import os
import signal

from tests.support import rundir
from tests.support.waiting import wait_until


def children(pid):
    """
    Pids of the children of a process, and of their children, and so on.

    As the kernel lists them, which takes a twentieth of the time of a look at
    all processes. A list may leave one out while another one ends; and one
    whose parent ends may be in the list of neither, as they are read one after
    the other: what all of them say counts when they have said it twice.
    """
    before = None
    while True:
        found = [pid]
        for one in found:
            found += _listed(one)
        if found == before:
            return found[1:]
        before = found


def _listed(pid):
    """Of all its threads."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f"/proc/{pid}/task/{thread}/children") as f:
                    found += map(int, f.read().split())
    return sorted(found)


def command(pid):
    """The command line, empty for a process that is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def name(pid):
    """What the kernel calls it, empty for a process that is gone."""
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def find(pid, *words):
    """
    Those below pid whose command line has one of the words, or whose name is
    one. Popen() returns just before a process gets its command line.
    """

    def has_settled(child):
        return command(child) or state(child) in ("", "Z")

    found = children(pid)
    for child in found:
        what = f"the command line of {child}"
        wait_until(lambda child=child: has_settled(child), what=what)
    return [
        child
        for child in found
        if name(child) in words
        or any(word in command(child) for word in words)
    ]


def all_with(word):
    """All of the machine whose command line has the word."""
    pids = map(int, filter(str.isdecimal, os.listdir("/proc")))
    return [pid for pid in pids if word in command(pid)]


def of_session(pid):
    """Those that run of the session a process leads, or has led."""
    pids = map(int, filter(str.isdecimal, os.listdir("/proc")))
    return [one for one in pids if _session(one) == pid and running(one)]


def kill(pids, number=signal.SIGKILL):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # It has ended by itself.


def kill_recorded(pid, started):
    """Unless it has ended by itself: see rundir.start_time()."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if rundir.start_time(pid) == started:
            os.kill(int(pid), signal.SIGKILL)


def stop(pids):
    """Stop them. A signal is on its way first, and a thread may go on."""
    kill(pids, signal.SIGSTOP)
    wait_until(lambda: all(map(stopped, pids)))


def stopped(pid):
    """By a signal, with all of its threads; or it has ended."""
    return _states(pid) <= {"T", "Z", ""}


def running(pid):
    """
    A thread of it is there, and no zombie that nobody has waited for. Of a
    killed process, the first thread is one while another one is stuck.
    """
    return not _states(pid) <= {"Z", ""}


def alive(pid):
    """Not even a zombie has open files any more."""
    try:
        return bool(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def _states(pid):
    """Those of its threads; none for a process that is gone."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {state(f"{pid}/task/{tid}") for tid in tasks}


def state(pid):
    """A letter; "" for a process that is gone."""
    return _stat(pid)[0]


def status(pid):
    """{key: text}, proc(5)"""
    with open(f"/proc/{pid}/status") as f:
        pairs = (line.partition(":") for line in f.read().splitlines())
        return {key: value.strip() for key, _, value in pairs}


def parent(pid):
    return int(_stat(pid)[1])


def _session(pid):
    return int(_stat(pid)[3])


def _stat(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", "0", "0", "0"
