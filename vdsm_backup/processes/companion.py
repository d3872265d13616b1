# SPDX-License-Identifier: GPL-2.0-or-later
"""
A child for all calls of this process that may hang and change nothing: a fork
of it (forking.py), which does many of them at a time (companion_child.py).

It ends with this process, whatever hangs in it; what the kernel keeps ends
when the storage answers. If it is killed, each call raises Gone; or Late,
where the kernel keeps it.

This module is on the way of every start of a VM, and imports little.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
import time

from vdsm_backup import errors
from vdsm_backup.processes import companion_child, forking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

    from vdsm_backup.processes.companion_child import Calls

    # How the call has ended, or that there is more of it, and data. None: no
    # answer comes, as the child has ended, or nobody waits any more.
    Answer = Optional[Tuple[int, bytes]]

# What the child is called, in ps and top.
NAME = "backup-reader"

# The child reads what may be hostile, so its answers are limited, too. A
# listing is the longest one: fileio/calls.py.
MAX_ANSWER = 16 * 1024**2
# Bytes of all answers to one request, as of all that a script says
# (scripts.py).
MAX_SAID = 32 * 1024**2

_BLOCK = 256 * 1024

# Seconds, between two attempts to write to a child that does not read.
_PAUSE = 0.01
# Seconds that the end of a child may take, to be told how it ended.
_REAP = 0.2


class Late(Exception):
    """No answer came until the deadline."""


class Gone(Exception):
    """There is no child, or nobody waits for the answer any more."""


class _Inbox:
    """
    Of who waits for answers to one request. said: bytes of those that came.
    """

    __slots__ = ("answers", "said")

    def __init__(self) -> None:
        self.answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self.said = 0


class Companion:
    """
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
        self._waiting: dict[int, _Inbox] = {}
        self._count = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: Why there is no child any more.
        self._end = ""

    def ask(self, name: str, data: bytes, deadline: float) -> Asked:
        """
        Ask for a call.

        deadline: of time.monotonic().

        Raises OSError if the data are too long, Late, Gone.
        """
        inbox = _Inbox()
        number = self._expect(inbox)
        asked = Asked(self, number, inbox)
        try:
            self._send(companion_child.encode(number, name, data), deadline)
        except BaseException:
            asked.close()
            raise
        return asked

    @property
    def end(self) -> str:
        """Why it gives no answer."""
        return self._end or "closed"

    def forget(self, number: int) -> None:
        """Nobody waits for the answer to a request any more."""
        self._waiting.pop(number, None)

    def _expect(self, inbox: _Inbox) -> int:
        """The number of a new request. Raises Gone."""
        with self._lock:
            if self._end:
                raise Gone(self._end)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._receive, daemon=True
                )
                self._thread.start()
            self._count = (self._count + 1) % 2**32
            self._waiting[self._count] = inbox
            return self._count

    def _send(self, message: bytes, deadline: float) -> None:
        """Raises Late, Gone."""
        while True:
            with self._lock:
                if self._end:
                    raise Gone(self._end)
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
                raise Late
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
            inbox.answers.put(None)

    def _hand_out(self, buffer: bytearray) -> bool:
        """
        Take the answers that are whole out of the buffer. False if what it
        has is none.
        """
        head = companion_child.ANSWER.size
        while len(buffer) >= head:
            number, end, size = companion_child.ANSWER.unpack_from(buffer)
            if size > MAX_ANSWER:
                return False
            if len(buffer) < head + size:
                return True
            data = bytes(buffer[head : head + size])
            del buffer[: head + size]
            inbox = self._waiting.get(number)
            if inbox is None:
                continue
            inbox.said += head + size
            if inbox.said > MAX_SAID:
                self.forget(number)
                end, data = errno.EFBIG, b""
            inbox.answers.put((end, data))
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


class Asked:
    """One call of a Companion, to be closed."""

    def __init__(
        self, companion: Companion, number: int, inbox: _Inbox
    ) -> None:
        self._companion = companion
        self._number = number
        self._inbox = inbox

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def next(self, deadline: float) -> tuple[bool, bytes]:
        """
        (whether more comes, data) of the next answer.

        Raises OSError if the call has ended with one; InternalError if it has
        met a fault of ours; Late, Gone.
        """
        left = max(deadline - time.monotonic(), 0)
        try:
            answer = self._inbox.answers.get(timeout=left)
        except queue.Empty:
            raise Late from None
        if answer is None:
            raise Gone(self._companion.end)
        end, data = answer
        if end == companion_child.MORE:
            return True, data
        if end == companion_child.FAULT:
            kind, _, text = data.decode("utf-8", "replace").partition("\0")
            raise errors.InternalError(kind, text)
        if end:
            raise OSError(end, os.strerror(end))
        return False, data

    def close(self) -> None:
        """Nobody waits any more: next() raises Gone, also in a thread."""
        self._companion.forget(self._number)
        self._inbox.answers.put(None)


def start(calls: Calls, as_root: bool = False) -> Companion:
    """
    A new Companion, which does these calls. Raises as forking.start() does.
    """
    requests, to_requests = os.pipe()
    answers, to_answers = os.pipe()

    def main(fds: list[int]) -> None:
        companion_child.Service(calls, *fds).run()

    try:
        pid = forking.start(main, NAME, (requests, to_answers), as_root)
    except BaseException:
        os.close(to_requests)
        os.close(answers)
        raise
    finally:
        os.close(requests)
        os.close(to_answers)
    return Companion(pid, to_requests, answers)
