# SPDX-License-Identifier: GPL-2.0-or-later
"""
Since when daemons run, and since when files are as they are: what a daemon
has loaded is of the time when it was started.

Times are those of time.time(), as far as the clock was not set since.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROC = "/proc"

# Fields of proc_pid_stat(5), counted from behind the name.
_STARTTIME = 22 - 3


class Process(NamedTuple):
    """started: when."""

    pid: int
    uid: int
    name: str
    started: float


def processes(
    wanted: Callable[[str], bool], proc: str = PROC
) -> list[Process]:
    """
    The processes of this host that are wanted, by their names; those that end
    meanwhile are left out.
    """
    return list(_all(wanted, proc, _boot_time(proc)))


def arguments(process: Process, proc: str = PROC) -> list[str]:
    """
    The command line; empty if the process has ended.

    Do not ask this of any process: the kernel reads it from its memory, and
    waits where storage hangs while a page of it is read.
    """
    try:
        return _read(f"{proc}/{process.pid}/cmdline").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


def changed(paths: list[str]) -> float:
    """
    When the last of these files was changed or put in place. A directory
    stands for the Python modules below it. Raises OSError.
    """
    times = [os.stat(path).st_ctime for path in paths]
    for path in paths:
        for directory, _, names in os.walk(path):
            for name in names:
                if name.endswith(".py"):
                    st = os.stat(os.path.join(directory, name))
                    times.append(st.st_ctime)
    return max(times)


def is_later(changed: float, process: Process) -> bool:
    """
    Whether this time of changed() is after the start of a process. The time
    of boot is known in whole seconds.
    """
    return changed > process.started + 1


def _all(
    wanted: Callable[[str], bool], proc: str, boot: float
) -> Iterator[Process]:
    for pid in sorted(int(n) for n in os.listdir(proc) if n.isdigit()):
        directory = os.path.join(proc, str(pid))
        try:
            stat = _read(f"{directory}/stat")
            uid = os.stat(directory).st_uid
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        # The name is in brackets, and may have some itself.
        name = stat.partition("(")[2].rpartition(")")[0]
        if not wanted(name):
            continue
        ticks = int(stat.rpartition(")")[2].split()[_STARTTIME])
        started = boot + ticks / os.sysconf("SC_CLK_TCK")
        yield Process(pid, uid, name, started)


def _boot_time(proc: str) -> float:
    for line in _read(f"{proc}/stat").splitlines():
        key, _, value = line.partition(" ")
        if key == "btime":
            return int(value)
    raise ValueError(f"{proc}/stat has no btime")


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as f:
        return f.read()
