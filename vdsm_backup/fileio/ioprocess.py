# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O through ioprocess, as VDSM does it; tested with ioprocess 1.4.

The comments name what ioprocess does otherwise than our contract, and how it
is made to keep the contract.
"""

from __future__ import annotations

import errno
import logging
import os
import signal
import threading

import ioprocess

from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# ioprocess logs to these. Without a handler Python would print its warnings,
# and the traces of its thread, on the stderr of the command line.
for _name in ("IOProcessClient", "IOProcess"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class InstalledFileIO(FileIO):
    """The backend for hosts that have ioprocess."""

    kind = "installed"

    def __init__(self, name: str, timeout: float) -> None:
        super().__init__(name, timeout)
        try:
            self._ioproc: ioprocess.IOProcess | None = _start(name, timeout)
        except OSError as e:
            reason = f"cannot start ioprocess: {e.strerror}"
            raise Closed(f"{name}: {reason}") from e
        self._pid = self._ioproc.pid

    @property
    def pid(self) -> int:
        """Of the child, also after it has ended."""
        return self._pid

    def _request(self, op: str, path: str, *args: Any) -> Any:
        _check_encoding(path, *args)
        ioproc = self._ioproc
        if ioproc is None or ioproc.pid != self._pid:
            # Closed by another thread; or the process crashed, and ioprocess
            # has started a new one by itself.
            raise Closed("ioprocess has ended")
        result, error = _outcome(getattr(ioproc, op), path, *args)
        # Our exceptions keep this frame, and must not keep ioprocess with it:
        # see _leave().
        del ioproc
        if error is not None:
            raise error
        return _stat_result(result) if op == "lstat" else result

    def _leave(self, busy_changing: bool) -> None:
        # ioprocess's own close() is never called. It closes descriptors by
        # number while the thread of ioprocess may be about to write to one of
        # them. Then the byte goes to whatever we have opened since (seen in 1
        # of 100). Without close(), the object ends when nothing refers to it
        # any more: then its thread kills the process, waits for it, and ends.
        if busy_changing:
            threading.Thread(
                target=_outlive, args=(self._ioproc,), daemon=True
            ).start()
        self._ioproc = None


def _start(name: str, timeout: float) -> ioprocess.IOProcess:
    # When we die, ioprocess finishes the request in hand. But it also logs
    # that its pipe was closed, to a pipe that is gone too, and SIGPIPE would
    # kill it in the middle of a rename. Ctrl-C reaches ioprocess as it does
    # us, since both are in one session. A signal that is blocked here stays
    # blocked in the thread and the process that are started here.
    signals = {signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        # One thread is enough for one call at a time, and with one thread
        # _outlive knows that the call before it has ended.
        return ioprocess.IOProcess(max_threads=1, timeout=timeout, name=name)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _outlive(ioproc: ioprocess.IOProcess) -> None:
    """Keep ioprocess until the call in hand has ended."""
    ioproc.timeout = None
    _outcome(ioproc.ping)


def _outcome(
    call: Callable[..., Any], *args: Any
) -> tuple[Any, Exception | None]:
    """The result of a call and None, or None and our error."""
    try:
        return call(*args), None
    except ioprocess.Timeout:
        return None, Timeout()
    except OSError as e:
        if e.errno == ioprocess.ERR_IOPROCESS_CRASH:
            return None, Closed("ioprocess has ended")
        return None, OSError(e.errno, e.strerror)


def _check_encoding(*args: Any) -> None:
    # Names go through JSON. There ioprocess makes another name of one that
    # has a byte that is not UTF-8, and the call would meet another file.
    for arg in args:
        if isinstance(arg, str) and not _is_utf8(arg):
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), arg)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _stat_result(st: Any) -> StatResult:
    # ioprocess sends unsigned numbers as signed ones, and seconds as floats.
    return StatResult(
        *(
            int(number) if name.endswith("time") else number & (2**64 - 1)
            for name, number in st._asdict().items()
        )
    )
