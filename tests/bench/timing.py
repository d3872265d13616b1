# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of a command: how long it took, and what of that was CPU."""

from __future__ import annotations

import os
import tempfile
import time
from typing import IO, NamedTuple

CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Sample(NamedTuple):
    """
    wall, cpu: seconds. The CPU time is that of the process and of all below it
    that were waited for. peak: bytes, of the largest of these processes.
    """

    wall: float
    cpu: float
    peak: int


class Failed(Exception):
    """A command did not do what it is measured for."""


class Command:
    """
    argv, env: of the process. stdin: the path of a file, or None. expect: its
    exit code. What it writes is dropped.
    """

    def __init__(
        self,
        argv: list[str],
        env: dict[str, str] | None = None,
        stdin: str | None = None,
        expect: int = 0,
    ) -> None:
        self.argv = argv
        self.env = {**CLEAN, **(env or {})}
        self.stdin = stdin or os.devnull
        self.expect = expect

    def sample(self) -> Sample:
        began = time.perf_counter()
        return self._finish(self._start(), began)

    def at_once(self, count: int) -> Sample:
        """So many at a time. The seconds are those of one: the share of it."""
        began = time.perf_counter()
        started = [self._start() for _ in range(count)]
        samples = [self._finish(one, began) for one in started]
        return Sample(
            max(s.wall for s in samples) / count,
            sum(s.cpu for s in samples) / count,
            max(s.peak for s in samples),
        )

    def _start(self) -> tuple[int, IO[bytes]]:
        """The pid, and what the process says on stderr."""
        # Not by subprocess, which does more than it takes to start a process,
        # and whose wait() does not tell the CPU time.
        err = tempfile.TemporaryFile()
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, self.stdin, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, err.fileno(), 2),
        ]
        pid = os.posix_spawn(
            self.argv[0], self.argv, self.env, file_actions=actions
        )
        return pid, err

    def _finish(self, started: tuple[int, IO[bytes]], began: float) -> Sample:
        pid, err = started
        _, status, used = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        code = os.waitstatus_to_exitcode(status)
        with err:
            if code != self.expect:
                err.seek(0)
                said = err.read().decode(errors="replace")
                raise Failed(f"exit code {code}: {self.argv}: {said}")
        cpu = used.ru_utime + used.ru_stime
        return Sample(wall, cpu, used.ru_maxrss * 1024)
