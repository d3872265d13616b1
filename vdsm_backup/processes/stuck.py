# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child processes that were killed, or let go, and have not ended.

A process in the kernel's hands ends when the storage answers, not before, so
nobody waits for it. It is kept here, since Popen warns about a process that
was forgotten. It is reaped when the next process is left here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Process(Protocol):
        """A subprocess.Popen, or the like."""

        def poll(self) -> int | None: ...


_left: list[Process] = []


def leave(process: Process) -> None:
    """Keep a process that nobody waits for any more."""
    _left[:] = [p for p in (*_left, process) if p.poll() is None]
