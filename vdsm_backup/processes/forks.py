# SPDX-License-Identifier: GPL-2.0-or-later
"""
Children of the tool that a warm interpreter forks (fork_server.py).

    with forks.up(modules):
        spawn.start(...)

In such a context spawn.start() gives children of this kind. A change starts a
holder, a writer and some scripts, and would start Python for each.

Somebody may kill the server. Its children go on, and Python is started for
more of them, as for one whose arguments are too long for a message. Where the
server had been asked for a child, and was killed before it answered, the child
may be there. A second one would read from the same socket, so none is started
then.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import threading

from vdsm_backup.processes import forked, spawn
from vdsm_backup.processes.fork_server import MAX_MESSAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Iterable,
        Iterator,
        Sequence,
    )
    from typing import IO, Any


class _Ended(OSError):
    """The server had ended before it was asked."""


class _TooLong(OSError):
    """The server would read a part of the request only."""


# Seconds for an answer of the server, which waits for nothing. The user of
# storage may stop it, and must not keep the lease taken for ever.
PATIENCE = 60


class _Handle:
    """
    A process, for ever. Its pid may be another's when it has ended, and nobody
    but its parent knows when that is. fd: of the process; it becomes ours.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    # At the end of the interpreter the names of a module may be gone first.
    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self._fd)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._fd, signal.SIGKILL)


class Child(forked.Child):
    """
    A child of the server. If the server has ended, it counts as killed:
    nobody can tell how it ends. It still runs until kill() is called.
    """

    def __init__(self, server: _Server, pid: int) -> None:
        super().__init__(pid)
        self._server = server
        self._is_orphan = False
        self._handle = _Handle(os.pidfd_open(pid))

    def kill(self) -> None:
        if self._is_orphan:
            self._send_kill()
        else:
            super().kill()

    def _ask_status(self) -> int | None:
        try:
            status: int | None = self._server.ask({"poll": self.pid})["status"]
        except OSError:
            self._is_orphan = True
            return -signal.SIGKILL
        return status

    def _send_kill(self) -> None:
        self._handle.kill()


class _Server:
    """The warm interpreter. Methods raise OSError if it has ended."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._user = os.geteuid(), os.getegid()
        self._number = 0
        # Threads that scan start their workers.
        self._lock = threading.Lock()
        self._sock, theirs = socket.socketpair(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        )
        self._sock.settimeout(PATIENCE)
        with theirs:
            fd = theirs.fileno()
            self._process = spawn.start(
                "vdsm_backup.processes.fork_server", [str(fd)], pass_fds=[fd]
            )
        # Not as arguments: ps shows what a process is by these names.
        message = json.dumps({"import": list(modules)})
        with contextlib.suppress(OSError):
            self._sock.send(message.encode("ascii"))

    def start(
        self,
        module: str,
        args: Iterable[str] = (),
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        stdout: int | IO[bytes] = subprocess.DEVNULL,
        pass_fds: Collection[int] = (),
        as_root: bool = False,
    ) -> spawn.Process:
        """As spawn.start()."""
        if (os.geteuid(), os.getegid()) != self._user:
            # Its children are the user that it is.
            raise ValueError("the user has changed")
        files, args = forked.given(stdin, stdout, pass_fds), list(args)
        request = {
            "start": module,
            "args": args,
            "files": list(files),
            "as_root": as_root,
        }
        try:
            answer = self.ask(request, list(files.values()))
        except (_Ended, _TooLong):
            return spawn.start_python(
                module, args, stdin, stdout, pass_fds, as_root
            )
        if "errno" in answer:
            number = answer["errno"]
            raise OSError(number, os.strerror(number))
        return Child(self, answer["pid"])

    def ask(self, request: dict[str, Any], files: Sequence[int] = ()) -> Any:
        """The answer to a request, with which files are sent."""
        with self._lock:
            self._number += 1
            request = {**request, "number": self._number}
            data = json.dumps(request).encode("ascii")
            if len(data) > MAX_MESSAGE:
                raise _TooLong(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            try:
                socket.send_fds(self._sock, [data], files)
            except OSError as e:
                raise _Ended(e.errno, e.strerror)
            while True:
                try:
                    said = self._sock.recv(MAX_MESSAGE)
                except socket.timeout:
                    # It never answers again. What is asked next starts Python.
                    self._sock.shutdown(socket.SHUT_RDWR)
                    what = f"the fork server is silent for {PATIENCE} seconds"
                    raise OSError(errno.ETIMEDOUT, what)
                if not said:
                    # Or ECONNRESET, if it has not read the request.
                    raise OSError(errno.EPIPE, "the fork server has ended")
                answer = json.loads(said)
                # An interrupt may have kept us from hearing an older one.
                if answer["number"] == self._number:
                    return answer

    def close(self) -> None:
        self._sock.close()
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def up(modules: Iterable[str]) -> Iterator[None]:
    """
    A context in which spawn.start() gives children of a warm interpreter.
    Begin it as the user that file I/O is done by.

    modules: what the interpreter imports. They must start no thread, and open
        no file that stays open.
    """
    server = _Server(modules)
    before, spawn.warm = spawn.warm, server.start
    try:
        yield
    finally:
        spawn.warm = before
        server.close()
