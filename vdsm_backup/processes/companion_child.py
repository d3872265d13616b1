# SPDX-License-Identifier: GPL-2.0-or-later
"""
The child of companion.py: does calls for its parent, many at a time.

Each call has a thread while it lasts. One thread always waits for the next
request, and before it begins the call that this asks for it has made sure that
another one waits. So a call that never comes back costs a thread, and delays
no other call.

The parent ends the child by closing the pipe of the requests. What the child
does then is left undone, so it does only what changes nothing.

Messages are short, and made without JSON: this is on the way of every start
of a VM.

    request   REQUEST, then the name of the call, and its data
    answer    ANSWER, then data. Any number of answers with MORE may come
              before the one that says how the call has ended: 0, or an errno;
              or FAULT, with what the fault is, and its text.

A request is at most PIPE_BUF bytes, which the kernel writes in one piece.
"""

from __future__ import annotations

import errno
import os
import struct
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Say = Callable[[bytes], None]
    # Gets the data of a request, and may say what it knows before its end.
    # Returns the data of the last answer, or raises OSError. Whatever else it
    # raises is a fault of ours.
    Call = Callable[[bytes, Say], bytes]
    Calls = Mapping[str, Call]

# The number of the request, the lengths of the name and of the data.
REQUEST = struct.Struct("=IHH")
# The number of the request, how it has ended, the length of the data.
ANSWER = struct.Struct("=III")
# No errno.
MORE = 2**32 - 1
FAULT = 2**32 - 2

# Bytes of the data of FAULT.
MAX_FAULT = 1024

# select.PIPE_BUF, which would have to be imported.
MAX_REQUEST = 4096

_BLOCK = 64 * 1024


def encode(number: int, name: str, data: bytes) -> bytes:
    """A request. Raises OSError if the data are too long for one."""
    if REQUEST.size + len(name) + len(data) > MAX_REQUEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    head = REQUEST.pack(number, len(name), len(data))
    return head + name.encode("ascii") + data


class Service:
    """Answers what comes in, until the parent is gone."""

    def __init__(self, calls: Calls, requests: int, answers: int) -> None:
        """requests, answers: our ends of the pipes."""
        self._calls = calls
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
                    number, name, data = self._next()
                    another_waits = self._leave_another()
                end, data = self._call(number, name, data, another_waits)
                with self._counting:
                    self._idle += 1
                self._send(number, end, data)
        except (EOFError, BrokenPipeError):
            # The parent has closed us, or is gone.
            code = 0
        finally:
            # Also the threads that hang.
            os._exit(code)

    def _next(self) -> tuple[int, str, bytes]:
        number, name, data = REQUEST.unpack(self._read(REQUEST.size))
        return number, self._read(name).decode("ascii"), self._read(data)

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

    def _call(
        self, number: int, name: str, data: bytes, another_waits: bool
    ) -> tuple[int, bytes]:
        """(how the call has ended, data)"""
        if not another_waits:
            return errno.EAGAIN, b""
        try:
            return 0, self._calls[name](
                data, lambda part: self._send(number, MORE, part)
            )
        except BrokenPipeError:
            raise
        except OSError as e:
            return e.errno or errno.EIO, b""
        except Exception as e:
            # What one call meets must not end the others, and no storage is
            # blamed for it.
            return FAULT, _told(e)

    def _send(self, number: int, end: int, data: bytes) -> None:
        head = ANSWER.pack(number, end, len(data))
        message = memoryview(head + data)
        with self._answering:
            while message:
                message = message[os.write(self._answers, message) :]


def _told(error: Exception) -> bytes:
    """What a fault of ours is, and where, as the data of FAULT."""
    import traceback

    at = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(at.filename)}:{at.lineno}"
    text = f"{type(error).__name__}\0{error} ({where})"
    return text.encode("utf-8", "backslashreplace")[:MAX_FAULT]
