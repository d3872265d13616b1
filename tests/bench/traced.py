# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which processes a command starts, and when, by strace. It makes the command
slower, so nothing that is timed runs in it.
"""

from __future__ import annotations

import collections
import os
import re
import subprocess
import tempfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.timing import Command

_STRACE = ["strace", "-f", "-q", "-ttt", "-s", "512", "-e", "signal=none"]
_CALLS = ["-e", "trace=execve,openat,clone,clone3,fork,vfork"]
_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_EXEC = re.compile(r'execve\("([^"]*)", \[(.*?)\](?:\.\.\.)?, ')
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PYC = re.compile(r'openat\([^"]*"[^"]*\.pyc".* = \d+$')
_MAKES = re.compile(r"(?:clone3?|v?fork)\(")
_MADE = re.compile(r"^(?:<\.\.\. )?(?:clone3?|v?fork)\b.* = (\d+)$")
_MODULE = re.compile(r"vdsm_backup(?:\.\w+)+")


# The label of a process that has executed nothing.
FORK = "fork"


class Process(NamedTuple):
    """
    A process, and what it has executed. name: of the program. label: see
    label_of(). began, ended: seconds from the first one. A process that
    executes two programs, one after the other, is two of these. modules: how
    many a Python has loaded from .pyc files.
    """

    pid: int
    name: str
    label: str
    began: float
    ended: float
    modules: int = 0

    @property
    def is_python(self) -> bool:
        return self.name.startswith("python")

    @property
    def is_lvm(self) -> bool:
        return self.name == "lvm"


def label_of(name: str, args: Sequence[str]) -> str:
    """A module of ours by its name, or a command and its first argument."""
    modules = _MODULE.findall(" ".join(args))
    if name.startswith("python") and modules:
        return modules[-1].partition(".")[2]
    return " ".join([name, *args[1:2]])


def run(command: Command) -> list[Process]:
    """Run it once. Raises CalledProcessError if it fails."""
    with tempfile.NamedTemporaryFile("r") as f, open(command.stdin) as stdin:
        subprocess.run(
            [*_STRACE, *_CALLS, "-o", f.name, "--", *command.argv],
            env=command.env,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        return parse(f)


def summary(processes: list[Process]) -> str:
    """What was started, in the order in which it began."""
    first, *others = sorted(processes, key=lambda process: process.began)
    said = [f"{first.modules} modules" if first.modules else "no modules"]
    counts = collections.Counter(process.label for process in others)
    said += [f"{n} x {label}" for label, n in counts.items()]
    return ", ".join(said)


def parse(lines: Iterable[str]) -> list[Process]:
    """Of what strace has written."""
    trace = _Trace()
    for line in lines:
        found = _LINE.match(line)
        if found:
            trace.add(int(found[1]), float(found[2]), found[3])
    return trace.processes()


class _Trace:
    """What is known by a line. A line tells of one process, by its pid."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._now = 0.0
        self._begun: dict[int, tuple[str, str]] = {}
        self._makes_thread: dict[int, bool] = {}
        self._running: dict[int, Process] = {}
        self._ended: list[Process] = []

    def add(self, pid: int, when: float, what: str) -> None:
        self._first = when if self._first is None else self._first
        self._now = when - self._first
        made = _MADE.search(what)
        if _MAKES.match(what):
            self._makes_thread[pid] = "CLONE_THREAD" in what
        if made and pid in self._makes_thread:
            self._fork(int(made[1]), self._makes_thread.pop(pid))
        elif "execve" in what:
            self._execute(pid, what)
        elif pid in self._running and _PYC.match(what):
            process = self._running[pid]
            loaded = process.modules + 1
            self._running[pid] = process._replace(modules=loaded)
        elif what.startswith("+++"):
            self._end(pid)

    def processes(self) -> list[Process]:
        for pid in list(self._running):
            self._end(pid)
        return self._ended

    def _fork(self, pid: int, is_thread: bool) -> None:
        # With vfork() the parent goes on when the child has executed, and is
        # told of it then.
        known = pid in self._running or pid in self._begun
        if not is_thread and not known:
            self._running[pid] = Process(pid, "", FORK, self._now, self._now)

    def _execute(self, pid: int, what: str) -> None:
        called = _EXEC.match(what)
        if called:
            program, args = called[1], _WORD.findall(called[2])
            name = os.path.basename(program)
            self._begun[pid] = name, label_of(name, args)
        if what.endswith(" = 0"):
            before = self._running.pop(pid, None)
            if before is not None and before.label != FORK:
                self._ended.append(before._replace(ended=self._now))
            name, label = self._begun[pid]
            self._running[pid] = Process(
                pid, name, label, self._now, self._now
            )

    def _end(self, pid: int) -> None:
        process = self._running.pop(pid, None)
        if process is not None:
            self._ended.append(process._replace(ended=self._now))
