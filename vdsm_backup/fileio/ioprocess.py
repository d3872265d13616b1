# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O through ioprocess, as VDSM does it; tested with ioprocess 1.4.

The comments name what ioprocess does otherwise than our contract, and how it
is made to keep the contract.
"""

from __future__ import annotations

# Where it is not installed, nothing else is loaded in vain.
import ioprocess

# isort: split
import errno
import logging
import os
import signal
import stat
import subprocess
import threading

from vdsm_backup.fileio import calls
from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout
from vdsm_backup.processes import identity, regular_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

# ioprocess logs to these. Without a handler Python would print its warnings,
# and the traces of its thread, on the stderr of the command line.
for _name in ("IOProcessClient", "IOProcess"):
    logging.getLogger(_name).addHandler(logging.NullHandler())

# Bytes of a directory, by lstat. File systems count differently: a directory
# of this size has some hundred thousand names, or had them once.
MAX_DIRECTORY = 64 * 1024**2


class _Subprocess:
    """
    The module `subprocess`, as far as ioprocess uses it. A process that it
    starts has our effective user as its only one: a tool that was started as
    root could make it root again.
    """

    PIPE = subprocess.PIPE

    @staticmethod
    def Popen(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, **options, **identity.effective())


ioprocess.subprocess = _Subprocess


class InstalledFileIO(FileIO):
    """The backend for hosts that have ioprocess."""

    kind = "installed"

    def __init__(self, name: str, timeout: float, base: str = "/") -> None:
        super().__init__(name, timeout, base)
        #: {path: (device, inode)} of the files that we have made.
        self._made: dict[str, tuple[int, int]] = {}
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
        self._require_allowed(op, path, *args)
        if op == "touch":
            args = (os.O_EXCL | os.O_NOFOLLOW, *args)
        elif op == "lstat" and path == self.base:
            # The base may be a link, and is what the link leads to.
            path = os.path.join(path, ".")
        result = self._ask(op, path, *args)
        if op == "touch":
            made = self._lstat(path)
            self._made[path] = (made.st_dev, made.st_ino)
        elif op in ("rename", "unlink"):
            self._made.pop(path, None)
        return _stat_result(result) if op == "lstat" else result

    def _require_allowed(self, op: str, path: str, *args: Any) -> None:
        """
        Raises OSError for what Calls (calls.py) does not do, by what lstat
        says now: ioprocess opens by name, after that.
        """
        paths = [path, *args[:1]] if op in ("rename", "link") else [path]
        for each in paths:
            for directory in self._directories(each):
                _require_directory(self._lstat(directory))
        if op == "rename" and path in self._made:
            found = self._lstat(path)
            regular_files.require_file(found.st_mode)
            self._require_made(path, found)
        elif op in ("readfile", "writefile", "chmod"):
            found = self._lstat(path)
            regular_files.require_file(found.st_mode)
            self._require_made(path, found)
            if op == "readfile" and found.st_size > calls.MAX_FILE:
                raise OSError(errno.EFBIG, path)
            if op == "writefile" and found.st_nlink > 1:
                raise OSError(errno.EMLINK, path)
        elif op in ("listdir", "fsyncPath") and path != self.base:
            found = self._lstat(path)
            if op == "fsyncPath" and not stat.S_ISDIR(found.st_mode):
                regular_files.require_file(found.st_mode)
                return
            _require_directory(found)
            if op == "listdir" and found.st_size > MAX_DIRECTORY:
                raise OSError(errno.EFBIG, path)

    def _directories(self, path: str) -> Iterator[str]:
        """The directories below the base that are on the way to a path."""
        base = self.base.rstrip("/")
        if path != self.base and not path.startswith(base + "/"):
            raise OSError(errno.EXDEV, path)
        at = base
        parts = [part for part in path[len(base) :].split("/") if part]
        if ".." in parts:
            raise OSError(errno.EINVAL, path)
        for part in parts[:-1]:
            at += "/" + part
            yield at

    def _require_made(self, path: str, found: StatResult) -> None:
        made = self._made.get(path, (found.st_dev, found.st_ino))
        if made != (found.st_dev, found.st_ino):
            raise OSError(errno.ESTALE, path)

    def _lstat(self, path: str) -> StatResult:
        return _stat_result(self._ask("lstat", path))

    def _ask(self, op: str, path: str, *args: Any) -> Any:
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
        return result

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


def _require_directory(found: StatResult) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))


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
