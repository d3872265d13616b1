# SPDX-License-Identifier: GPL-2.0-or-later
"""How much memory a command takes at its peak, with all that it starts."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.timing import Command

# Seconds. A child that lives for less is not seen.
_PAUSE = 0.002


class Peaks(NamedTuple):
    """
    Bytes. own: of the process itself. below: {pid: of a process below it}.
    What processes share is counted for each.
    """

    own: int
    below: dict[int, int]

    @property
    def whole(self) -> int:
        return self.own + sum(self.below.values())


def peaks(command: Command) -> Peaks:
    """
    Run it once. The peak of the process itself comes from the kernel when it
    has ended. Those below it are looked at all the time: the kernel keeps the
    peak of each until it ends.
    """
    below: dict[int, int] = {}
    own = 0
    with open(command.stdin) as stdin:
        process = subprocess.Popen(
            command.argv,
            env=command.env,
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    while process.poll() is None:
        own = max(own, _peak(process.pid))
        for pid in pids_below(process.pid):
            below[pid] = max(below.get(pid, 0), _peak(pid))
        time.sleep(_PAUSE)
    if process.returncode != command.expect:
        raise RuntimeError(f"exit code {process.returncode}: {command.argv}")
    return Peaks(own, below)


def pids_below(pid: int) -> Iterator[int]:
    """The pids of all processes below one."""
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                for child in map(int, f.read().split()):
                    yield child
                    yield from pids_below(child)


def _peak(pid: int) -> int:
    """0 for a process that is gone, or has no memory any more."""
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    return 0
