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
    from collections.abc import Iterable, Iterator, Sequence

    from tests.bench.timing import Command

_STRACE = ["strace", "-f", "-q", "-ttt", "-s", "512", "-e", "signal=none"]
_CALLS = ["-e", "trace=execve,openat"]
_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_EXEC = re.compile(r'execve\("([^"]*)", \[(.*?)\](?:\.\.\.)?, ')
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PYC = re.compile(r'openat\([^"]*"[^"]*\.pyc".* = \d+$')
_MODULE = re.compile(r"vdsm_backup(?:\.\w+)+")


class Process(NamedTuple):
    """
    What was executed. label: see label_of(). began, ended: seconds from the
    first one. A process that executes two programs, one after the other, is
    two of these. modules: how many a Python has loaded from .pyc files.
    """

    pid: int
    program: str
    label: str
    began: float
    ended: float
    modules: int = 0

    @property
    def is_python(self) -> bool:
        return os.path.basename(self.program).startswith("python")

    @property
    def is_lvm(self) -> bool:
        return os.path.basename(self.program) == "lvm"


def label_of(program: str, args: Sequence[str]) -> str:
    """A module of ours by its name, or a command and its first argument."""
    name = os.path.basename(program)
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
        return list(parse(f))


def summary(processes: list[Process]) -> str:
    """What was started, in the order in which it began."""
    first, *others = sorted(processes, key=lambda process: process.began)
    said = [f"{first.modules} modules" if first.modules else "no modules"]
    counts = collections.Counter(process.label for process in others)
    said += [f"{n} x {label}" for label, n in counts.items()]
    return ", ".join(said)


def parse(lines: Iterable[str]) -> Iterator[Process]:
    """Of what strace has written."""
    running: dict[int, Process] = {}
    begun: dict[int, tuple[str, str]] = {}
    first = last = None
    for line in lines:
        found = _LINE.match(line)
        if not found:
            continue
        pid, what = int(found[1]), found[3]
        last = float(found[2])
        first = last if first is None else first
        now = last - first
        executed = _EXEC.match(what)
        if executed:
            program, args = executed[1], _WORD.findall(executed[2])
            begun[pid] = program, label_of(program, args)
        if "execve" in what and what.endswith(" = 0"):
            if pid in running:
                yield running.pop(pid)._replace(ended=now)
            running[pid] = Process(pid, *begun[pid], now, now)
        elif pid in running and _PYC.match(what):
            loaded = running[pid].modules + 1
            running[pid] = running[pid]._replace(modules=loaded)
        elif what.startswith("+++") and pid in running:
            yield running.pop(pid)._replace(ended=now)
    for process in running.values():
        yield process._replace(ended=(last or 0) - (first or 0))
