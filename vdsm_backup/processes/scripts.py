# SPDX-License-Identifier: GPL-2.0-or-later
"""
Scripts: modules that answer a question which may hang, each in a process.

A call into libvirt, or an open() on a mount that is stuck, cannot be given up
from inside its process. So such a question has a module of its own, whose
main(args) asks it and says the answer line by line (script_output.py). The
module runs in a child process. What the child has said when the time is over
counts. Then the child is killed, and nobody waits for it: a process in the
kernel's hands ends when the storage answers, not before.

What a child says is limited, too, since the storage can give it much to say:
MAX_SAID.

A child inherits no open file but its standard streams and `pass_fds`. So a
question that hangs never keeps a sanlock registration, and with it a lease,
alive.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time

from vdsm_backup.processes import spawn, stuck
from vdsm_backup.processes.jobs import SLOW

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# Bytes of all that one child says: more than 10,000 images have.
MAX_SAID = 32 * 1024**2

# Seconds, long enough for the end of a killed process that is not stuck.
_REAP = 0.2


class Script:
    """
    A script that runs, from the moment it is made. It has our environment.

    pass_fds: file descriptors that it inherits, by the same numbers.
    as_root: it is root altogether, if we were started as root. Otherwise it is
        our effective user altogether, confined.
    lines: what it has said, one JSON object a line.
    ended: it said all that it had to say, or it died, or it said too much.
    """

    def __init__(
        self,
        module: str,
        *args: str,
        pass_fds: Sequence[int] = (),
        as_root: bool = False,
    ) -> None:
        """module: the dotted name of a module with a function main(args)."""
        self.lines: list[dict[str, Any]] = []
        self.ended = False
        #: The beginning of a line whose end has not come.
        self._parts: list[bytes] = []
        self._said = 0
        words = [module, *args]
        if not as_root:
            # What it reads may be hostile. And libvirt refuses to load where
            # the real and effective user differ (src/libvirt.c,
            # virGlobalInit).
            words.insert(0, spawn.CONFINED)
        output, theirs = os.pipe()
        #: What it says.
        self.stdout = open(output, "rb")
        try:
            self._process = spawn.start(
                words[0],
                words[1:],
                stdout=theirs,
                pass_fds=pass_fds,
                as_root=as_root,
            )
        except BaseException:
            self.stdout.close()
            raise
        finally:
            os.close(theirs)

    @property
    def said_too_much(self) -> bool:
        return self._said > MAX_SAID

    def read(self) -> None:
        """Read what is there now, or wait for it; at the end set `ended`."""
        data = os.read(self.stdout.fileno(), 64 * 1024)
        self._said += len(data)
        if self.said_too_much:
            data = b""
        self.ended = not data
        if b"\n" not in data:
            self._parts.append(data)
            return
        *whole, rest = b"".join([*self._parts, data]).split(b"\n")
        self._parts = [rest]
        self.lines.extend(json.loads(line) for line in whole)

    def kill(self) -> None:
        """Kill the process, and wait for its end only if it ends at once."""
        self._process.kill()
        self.stdout.close()
        try:
            self._process.wait(_REAP)
        except subprocess.TimeoutExpired:
            stuck.leave(self._process)


def collect(
    scripts: Sequence[Script],
    timeout: float,
    slow: Callable[[list[Script]], None] | None = None,
) -> None:
    """
    Read from all the scripts until all have ended or `timeout` seconds are
    over. The scripts are killed before this returns.

    slow: called with those that have not ended after SLOW seconds.
    """
    begun = time.monotonic()
    try:
        if slow and timeout > SLOW:
            _read_all(scripts, begun + SLOW)
            late = [script for script in scripts if not script.ended]
            if late:
                slow(late)
        _read_all(scripts, begun + timeout)
    finally:
        for script in scripts:
            script.kill()


def _read_all(scripts: Sequence[Script], deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        for script in scripts:
            if script.ended:
                continue
            selector.register(script.stdout, selectors.EVENT_READ, script)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            for key, _ in selector.select(left):
                key.data.read()
                if key.data.ended:
                    selector.unregister(key.fileobj)
