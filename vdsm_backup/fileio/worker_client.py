# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O through our own worker process (worker.py), without ioprocess.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time

from vdsm_backup.fileio import worker
from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout
from vdsm_backup.processes import spawn, stuck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class EmbeddedFileIO(FileIO):
    """The backend for hosts without ioprocess."""

    kind = "embedded"

    def __init__(self, name: str, timeout: float, base: str = "/") -> None:
        super().__init__(name, timeout, base)
        self._sock, theirs = socket.socketpair()
        with theirs:
            try:
                self._proc = self._start(theirs.fileno())
            except OSError as e:
                self._sock.close()
                reason = f"cannot start a worker: {e.strerror}"
                raise Closed(f"{name}: {reason}") from e

    @property
    def pid(self) -> int:
        """Of the worker, also after it has ended."""
        return self._proc.pid

    def _start(self, fd: int) -> spawn.Process:
        return spawn.start(
            spawn.CONFINED,
            ["vdsm_backup.fileio.worker", str(fd), self.base],
            # Inherited: see the package's contract.
            stdout=1,
            pass_fds=[fd],
        )

    def _request(self, op: str, path: str, *args: Any) -> Any:
        deadline = time.monotonic() + self.timeout
        try:
            self._send(deadline, op, path, *args)
            answer, data = worker.decode(lambda n: self._receive(deadline, n))
        except socket.timeout:
            raise Timeout from None
        except (EOFError, OSError) as e:
            raise Closed(f"the worker has ended: {self._status()}") from e
        if answer["errno"]:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return _result(op, answer["result"], data)

    def _send(self, deadline: float, op: str, path: str, *args: Any) -> None:
        data, rest = b"", list(args)
        if op == "writefile":
            data = rest.pop(0)
        elif op in ("rename", "link"):
            rest = [worker.encode_name(args[0])]
        request = {"op": op, "args": [worker.encode_name(path), *rest]}
        self._limit(deadline)
        self._sock.sendall(worker.encode(request, data))

    def _receive(self, deadline: float, n: int) -> bytes:
        data = bytearray()
        while len(data) < n:
            self._limit(deadline)
            part = self._sock.recv(n - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _limit(self, deadline: float) -> None:
        """
        Let the socket wait until the deadline. Raises socket.timeout if that
        is over.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout
        self._sock.settimeout(left)

    def _status(self) -> str:
        # The socket closes a moment before the process is gone.
        try:
            return f"exit status {self._proc.wait(timeout=0.2)}"
        except subprocess.TimeoutExpired:
            return "or is about to"

    def _leave(self, busy_changing: bool) -> None:
        # A worker that is left alone sees the end of the socket when it has
        # finished the request in hand. A thread that waits for the answer
        # sees it at once; closing the socket alone would not do that.
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        if not busy_changing:
            self._proc.kill()
        stuck.leave(self._proc)


class RootTooFileIO(EmbeddedFileIO):
    """
    Reads also what is closed to our effective user, if we were started as
    root: see root_too.py.
    """

    def _start(self, fd: int) -> spawn.Process:
        user = [str(os.geteuid()), str(os.getegid())]
        return spawn.start(
            "vdsm_backup.fileio.root_too",
            [str(fd), self.base, *user],
            stdout=1,
            pass_fds=[fd],
            as_root=True,
        )


def _result(op: str, result: Any, data: bytes) -> Any:
    if op == "lstat":
        return StatResult(*result)
    if op == "listdir":
        return worker.decode_names(data)
    if op == "readfile":
        return data
    return result
