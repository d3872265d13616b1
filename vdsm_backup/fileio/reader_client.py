# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O that only reads, for all mounts through one child (reader.py).

Where `embedded` is used, and a Reader runs, a FileIO for reading uses it: see
choose.py. A FileIO costs next to nothing then, and all of them can be in a
call at the same time.

This module is on the way of every start of a VM, and imports little.
"""

from __future__ import annotations

import os
import queue
import threading
import time

from vdsm_backup.fileio import reader
from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout
from vdsm_backup.fileio.calls import MAX_FILE, MAX_LISTING
from vdsm_backup.processes import forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Tuple

    # The errno and the data of an answer. None: there is no answer, as the
    # child has ended, or nobody waits for it any more.
    Answer = Optional[Tuple[int, bytes]]
    Inbox = queue.SimpleQueue[Answer]

# What a child is called, in ps and top.
NAME = "backup-reader"

# The child reads what may be hostile, so its answers are limited, too.
_MAX_ANSWER = max(MAX_FILE, MAX_LISTING)

_BLOCK = 256 * 1024

# Seconds, between two attempts to write to a child that does not read.
_PAUSE = 0.01
# Seconds that the end of a child may take, to be told how it ended.
_REAP = 0.2


class Reader:
    """
    A child that reads for this process. It ends with this process, or when it
    is killed; then each call raises Closed.

    pid: of the child.
    requests, answers: our ends of its pipes.
    """

    def __init__(self, pid: int, requests: int, answers: int) -> None:
        self.pid = pid
        self._requests = requests
        self._answers = answers
        # The child may be stopped, and must not stop us.
        os.set_blocking(requests, False)
        #: {number of a request: who waits for the answer}
        self._waiting: dict[int, Inbox] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: Why there is no child any more.
        self._end = ""

    def ask(
        self,
        inbox: Inbox,
        deadline: float,
        op: str,
        base: str,
        path: str,
        direct: bool = False,
    ) -> bytes:
        """
        The data of an answer.

        inbox: of the FileIO that asks. None in it ends the waiting.
        deadline: of time.monotonic().

        Raises OSError of the call, Timeout, Closed.
        """
        number = self._expect(inbox)
        try:
            self._send(number, deadline, op, base, path, direct)
            answer = inbox.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            raise Timeout from None
        finally:
            self._waiting.pop(number, None)
        if answer is None:
            raise Closed(self._end or "closed")
        error, data = answer
        if error:
            raise OSError(error, os.strerror(error))
        return data

    def _expect(self, inbox: Inbox) -> int:
        """The number of a new request. Raises Closed."""
        with self._lock:
            if self._end:
                raise Closed(self._end)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._receive, daemon=True
                )
                self._thread.start()
            self._count = (self._count + 1) % 2**32
            self._waiting[self._count] = inbox
            return self._count

    def _send(
        self,
        number: int,
        deadline: float,
        op: str,
        base: str,
        path: str,
        direct: bool,
    ) -> None:
        """Raises OSError, Closed; queue.Empty at the deadline."""
        message = reader.encode(number, op, direct, base, path)
        while True:
            with self._lock:
                if self._end:
                    raise Closed(self._end)
                try:
                    # In one piece, or not at all.
                    os.write(self._requests, message)
                    return
                except BrokenPipeError:
                    # _receive() sees the end, too, and says why.
                    return
                except BlockingIOError:
                    pass
            if time.monotonic() >= deadline:
                raise queue.Empty
            time.sleep(_PAUSE)

    def _receive(self) -> None:
        """What the thread does: gives each answer to whom it is for."""
        buffer = bytearray()
        while True:
            data = os.read(self._answers, _BLOCK)
            buffer += data
            if not data or not self._hand_out(buffer):
                break
        end = self._how_it_ended()
        with self._lock:
            self._end = end
            os.close(self._requests)
            os.close(self._answers)
            waiting = list(self._waiting.values())
        for inbox in waiting:
            inbox.put(None)

    def _hand_out(self, buffer: bytearray) -> bool:
        """
        Take the answers that are whole out of the buffer. False if what it
        has is none.
        """
        head = reader.ANSWER.size
        while len(buffer) >= head:
            number, error, size = reader.ANSWER.unpack_from(buffer)
            if size > _MAX_ANSWER:
                return False
            if len(buffer) < head + size:
                return True
            data = bytes(buffer[head : head + size])
            del buffer[: head + size]
            inbox = self._waiting.pop(number, None)
            if inbox is not None:
                inbox.put((error, data))
        return True

    def _how_it_ended(self) -> str:
        until = time.monotonic() + _REAP
        while time.monotonic() < until:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                break
            if pid:
                code = os.waitstatus_to_exitcode(status)
                return f"the reader has ended: exit status {code}"
            time.sleep(_PAUSE)
        return "the reader has ended, or is about to"


class ReadingFileIO(FileIO):
    """
    One mount, through the Reader of all. A call that changes something is
    ValueError.
    """

    kind = "embedded"

    def __init__(
        self, reader: Reader, name: str, timeout: float, base: str = "/"
    ) -> None:
        super().__init__(name, timeout, base)
        self._reader = reader
        self._inbox: Inbox = queue.SimpleQueue()

    @property
    def pid(self) -> int:
        """Of the reader, also after it has ended."""
        return self._reader.pid

    def _request(self, op: str, path: str, *args: Any) -> Any:
        if op not in reader.OPS:
            raise ValueError(f"{op}: this only reads")
        if self._ended is not None:
            # While we waited for another thread's call.
            raise Closed
        deadline = time.monotonic() + self.timeout
        data = self._reader.ask(
            self._inbox, deadline, op, self.base, path, *args
        )
        if op == "lstat":
            return _stat_result(data)
        if op == "listdir":
            return [os.fsdecode(name) for name in data.split(b"\0")[:-1]]
        return data

    def _leave(self, busy_changing: bool) -> None:
        # A thread that waits for an answer. The call itself ends when the
        # storage answers, and nobody listens then.
        self._inbox.put(None)


_running: Reader | None = None


def start() -> None:
    """
    Start the Reader of this process, if it has none. Raises as
    forked.start() does.
    """
    global _running
    if _running is None:
        _running = fork()


def running() -> Reader | None:
    """The Reader of this process, if it has one."""
    return _running


def fork() -> Reader:
    """A new Reader. Raises as forked.start() does."""
    requests, to_requests = os.pipe()
    answers, to_answers = os.pipe()
    try:
        pid = forked.start(reader.main, NAME, (requests, to_answers))
    except BaseException:
        os.close(to_requests)
        os.close(answers)
        raise
    finally:
        os.close(requests)
        os.close(to_answers)
    return Reader(pid, to_requests, answers)


def _stat_result(data: bytes) -> StatResult:
    if len(data) != reader.STAT.size:
        raise Closed("the reader makes no sense")
    return StatResult(*reader.STAT.unpack(data))
