# SPDX-License-Identifier: GPL-2.0-or-later
"""
A command that goes on, with all that it starts, daemons too: the CPU time and
the memory of all of it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from typing import IO, TYPE_CHECKING

from tests.bench import floors
from tests.bench.memory import pids_below
from tests.bench.product import PYTHON

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.timing import Command

_TICKS = os.sysconf("SC_CLK_TCK")

# A mapping of /proc/PID/smaps: its range, and the path, if there is one.
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ .{4} \S+ \S+ \d+ *(.*)")


class Tree:
    """A command that runs. said: where it says what it does."""

    def __init__(self, command: Command, said: IO[bytes]) -> None:
        reaper = os.path.join(floors.PROGRAMS, "reaper.py")
        self._process = subprocess.Popen(
            [PYTHON, "-I", reaper, *command.argv],
            env=command.env,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )

    def end(self) -> int:
        """By SIGTERM. Returns its exit code, when all below it has ended."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait()

    def kill(self) -> None:
        pids = [*pids_below(self._process.pid), self._process.pid]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def cpu(self) -> float:
        """Seconds since its start, also of processes that have ended."""
        before = None
        while True:
            pids = sorted(pids_below(self._process.pid))
            times = [_times(pid) for pid in pids]
            # Not that of the reaper, but that of what it has waited for.
            found = sum(_times(self._process.pid)[2:]) + sum(map(sum, times))
            # The time of one that ended meanwhile has gone to another one.
            if pids == before:
                return found / _TICKS
            before = pids

    def memory(self) -> int:
        """Bytes, now."""
        return together(pids_below(self._process.pid))


def together(pids: Iterable[int]) -> int:
    """
    Bytes that processes take together: what each has for itself, and what they
    use of a file once, as if nobody else used it.
    """
    own = 0
    files: dict[str, int] = {}
    for pid in pids:
        of_files: dict[str, int] = {}
        for path, sizes in _mappings(pid):
            private = sizes["Anonymous"] + sizes["Swap"]
            own += private
            shared = sizes["Rss"] - sizes["Anonymous"]
            of_files[path] = of_files.get(path, 0) + shared
        for path, size in of_files.items():
            files[path] = max(files.get(path, 0), size)
    return own + sum(files.values())


def _mappings(pid: int) -> list[tuple[str, dict[str, int]]]:
    """(path, sizes in bytes) of each; none of a process that is gone."""
    found: list[tuple[str, dict[str, int]]] = []
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/smaps") as f:
            for line in f:
                mapping = _MAPPING.match(line)
                if mapping:
                    found.append((mapping[1], {}))
                    continue
                name, _, rest = line.partition(":")
                number, _, unit = rest.strip().partition(" ")
                if unit == "kB":
                    found[-1][1][name] = int(number) * 1024
    return found


def _times(pid: int) -> tuple[int, ...]:
    """Ticks in user and kernel mode, and those of children that ended."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return tuple(map(int, fields[11:15]))
    return 0, 0, 0, 0
