# SPDX-License-Identifier: GPL-2.0-or-later
"""
The child that reads files for its parent, from all mounts.

Each call has a thread while it lasts. One thread always waits for the next
request, and before it begins the call that this asks for it has made sure that
another one waits. So a call that never comes back costs a thread, and delays
no other call.

The parent ends the child by closing the pipe of the requests. What the child
does then may be left undone, since it only reads.

Messages are short, and made without JSON: this is on the way of every start
of a VM.

    request   REQUEST, then the base of Calls, and the path
    answer    ANSWER, then data: STAT for lstat; the names with a NUL behind
              each for listdir; the content for readfile

A request is at most PIPE_BUF bytes, which the kernel writes in one piece.
"""

from __future__ import annotations

import errno
import os
import struct
import threading

from vdsm_backup.fileio.calls import Calls

# The number of the request, the call, its argument, the lengths of the base
# and the path.
REQUEST = struct.Struct("=IBBHH")
# The number of the request, the errno, the length of the data.
ANSWER = struct.Struct("=III")
# The fields of StatResult, of which only the times can be negative.
STAT = struct.Struct("=7Q3qQ")

#: The calls, by the number that a request has.
OPS = ("lstat", "listdir", "readfile")

# select.PIPE_BUF, which would have to be imported.
MAX_REQUEST = 4096

_BLOCK = 64 * 1024


def encode(number: int, op: str, direct: bool, base: str, path: str) -> bytes:
    """A request. Raises OSError if the path is too long for one."""
    at, end = os.fsencode(base), os.fsencode(path)
    if REQUEST.size + len(at) + len(end) > MAX_REQUEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    head = REQUEST.pack(number, OPS.index(op), bool(direct), len(at), len(end))
    return head + at + end


def main(fds: list[int]) -> None:
    """fds: the pipes of the requests, and of the answers."""
    requests, answers = fds
    Service(requests, answers).run()


class Service:
    """Answers what comes in, until the parent is gone."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = requests
        self._answers = answers
        self._buffer = b""
        #: For the one thread that waits for the next request.
        self._turn = threading.Lock()
        #: How many threads are in no call.
        self._idle = 1
        self._counting = threading.Lock()
        self._answering = threading.Lock()

    def run(self) -> None:
        """What each of the threads does. Ends this process."""
        code = 1
        try:
            while True:
                with self._turn:
                    request = self._next()
                    another_waits = self._leave_another()
                try:
                    if not another_waits:
                        raise BlockingIOError(errno.EAGAIN, "no thread")
                    data, number = _call(*request[1:]), 0
                except OSError as e:
                    data, number = b"", e.errno or errno.EIO
                with self._counting:
                    self._idle += 1
                self._send(ANSWER.pack(request[0], number, len(data)), data)
        except (EOFError, BrokenPipeError):
            # The parent has closed us, or is gone.
            code = 0
        finally:
            # Also the threads that hang.
            os._exit(code)

    def _next(self) -> tuple[int, int, bool, bytes, bytes]:
        number, op, direct, at, end = REQUEST.unpack(self._read(REQUEST.size))
        return number, op, bool(direct), self._read(at), self._read(end)

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = os.read(self._requests, _BLOCK)
            if not data:
                raise EOFError
            self._buffer += data
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def _leave_another(self) -> bool:
        """
        Make sure that another thread takes the next request. False if there
        can be none.
        """
        with self._counting:
            self._idle -= 1
            if self._idle:
                return True
            try:
                threading.Thread(target=self.run, daemon=True).start()
            except RuntimeError:
                return False
            self._idle = 1
            return True

    def _send(self, head: bytes, data: bytes) -> None:
        message = memoryview(head + data)
        with self._answering:
            while message:
                message = message[os.write(self._answers, message) :]


def _call(op: int, direct: bool, base: bytes, path: bytes) -> bytes:
    """The data of the answer. Raises OSError."""
    calls, name = Calls(base), OPS[op]
    if name == "lstat":
        return STAT.pack(*calls.lstat(b"", path)[0])
    if name == "listdir":
        return calls.listdir(b"", path)[1]
    return calls.readfile(b"", path, direct)[1]
