# SPDX-License-Identifier: GPL-2.0-or-later
"""
A process whose output is limited, in size and in time: whoever is at its other
end may send without end.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from typing import NamedTuple

_CHUNK = 64 * 1024


class TooLarge(Exception):
    """It has said more than it may."""


class Done(NamedTuple):
    code: int
    stdout: bytes
    stderr: bytes


def run(command: list[str], data: bytes, timeout: float, most: int) -> Done:
    """
    data: for its stdin, no more than a pipe takes at once (64 KiB). most:
    bytes that it may write to stdout, and to stderr.

    Raises TooLarge and subprocess.TimeoutExpired, and kills the process
    before; OSError if it cannot be started.
    """
    deadline = time.monotonic() + timeout
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(data)
            process.stdin.close()
            fds = process.stdout.fileno(), process.stderr.fileno()
            stdout, stderr = _read(fds, deadline, most)
            code = process.wait(max(deadline - time.monotonic(), 0))
        except TimeoutError:
            raise subprocess.TimeoutExpired(command, timeout)
        finally:
            # One that has ended gets no signal.
            process.kill()
    return Done(code, stdout, stderr)


def _read(
    fds: tuple[int, int], deadline: float, most: int
) -> tuple[bytes, bytes]:
    """Until both are at their ends. Raises TooLarge and TimeoutError."""
    found = {fd: bytearray() for fd in fds}
    with selectors.DefaultSelector() as selector:
        for fd in fds:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fd)
                found[key.fd] += chunk
                if len(found[key.fd]) > most:
                    raise TooLarge
    stdout, stderr = (bytes(found[fd]) for fd in fds)
    return stdout, stderr
