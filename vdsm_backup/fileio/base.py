# SPDX-License-Identifier: GPL-2.0-or-later
"""
What both backends share: the calls, and the end after a timeout or a crash.

A backend is given checked arguments in `_request`. It returns, or raises
OSError (the call failed), Timeout or Closed (the child is of no use any more).
"""

from __future__ import annotations

import collections
import errno
import os
import threading

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, ClassVar, TypeVar

    Self = TypeVar("Self", bound="FileIO")


class StatResult(
    collections.namedtuple(
        "StatResult",
        "st_mode, st_ino, st_dev, st_nlink, st_uid, st_gid, st_size,"
        " st_atime, st_mtime, st_ctime, st_blocks",
    )
):
    """
    What lstat() returns: the fields of os.stat_result that ioprocess's own
    StatResult has (bindings/python/ioprocess). Times are in seconds.
    """

    __slots__ = ()

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_atime: int
    st_mtime: int
    st_ctime: int
    st_blocks: int


# A child in one of these calls is never killed; see the package's contract.
CHANGING = frozenset(
    ("touch", "writefile", "chmod", "rename", "link", "unlink", "fsyncPath")
)


class Timeout(RuntimeError):
    """The storage did not answer in time, in this call or an earlier one."""


class Closed(RuntimeError):
    """There is no child: it was closed, has ended, or could not start."""


# What the kernel's own words for these errors do not say.
_WORDS = {
    errno.ELOOP: "a symbolic link stands in its place, or on the way to it",
    errno.ENXIO: "it is not a regular file",
    errno.EFBIG: "it is too large to be read",
    errno.EMLINK: "it has a second name",
    errno.EXDEV: "it is not below the directory that was opened",
}


def why(error: Exception, known: str = "") -> str:
    """
    Why a call of a FileIO has failed, and on which path, unless that is the
    one that is known already.
    """
    if not isinstance(error, OSError):
        return str(error)
    reason = f"{error.strerror}"
    if isinstance(error, PermissionError):
        # What is closed to us may be open to others.
        reason += f" for user {os.geteuid()}"
    return reason if error.filename == known else f"{error.filename}: {reason}"


class FileIO:
    """
    The file I/O of one mount. All calls raise OSError, Timeout and Closed as
    the package's contract says, and ValueError for a path that is not
    absolute.

    name: of the mount, for messages.
    timeout: seconds, for each call.
    base: links are followed in this path, and in none below it. A path that
        is not below the base, and is not the base, is EXDEV.
    """

    #: The value of the option [storage] ioprocess that chooses this backend.
    kind: ClassVar[str]

    def __init__(self, name: str, timeout: float, base: str = "/") -> None:
        _check_path(base)
        self.name = name
        self.timeout = timeout
        self.base = base.rstrip("/") or "/"
        #: What every call raises from now on.
        self._ended: Timeout | Closed | None = None
        #: The call in hand.
        self._op: str | None = None
        self._lock = threading.Lock()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def lstat(self, path: str) -> StatResult:
        return self._call("lstat", path)

    def listdir(self, path: str) -> list[str]:
        return self._call("listdir", path)

    def readfile(self, path: str, direct: bool = False) -> bytes:
        return self._call("readfile", path, direct)

    def writefile(self, path: str, data: bytes, direct: bool = False) -> None:
        self._call("writefile", path, data, direct)

    def touch(self, path: str, mode: int) -> None:
        """Make an empty file. One that exists is EEXIST, whatever it is."""
        self._call("touch", path, mode)

    def chmod(self, path: str, mode: int) -> None:
        self._call("chmod", path, mode)

    def rename(self, old: str, new: str) -> None:
        _check_path(new)
        self._call("rename", old, new)

    def link(self, path: str, name: str) -> None:
        """Give the file one more name: a hard link."""
        _check_path(name)
        self._call("link", path, name)

    def unlink(self, path: str) -> None:
        self._call("unlink", path)

    def fsyncPath(self, path: str) -> None:
        self._call("fsyncPath", path)

    def close(self) -> None:
        """Let the child go. Never waits, and may be called again."""
        self._end(Closed(f"{self.name} was closed"))

    def _call(self, op: str, path: str, *args: Any) -> Any:
        _check_path(path)
        # Before the lock, since the thread that has it may be stuck. If the
        # child ends only while we wait for the lock, the backend finds that.
        if self._ended is not None:
            raise _again(self._ended)
        with self._lock:
            self._op = op
            try:
                return self._request(op, path, *args)
            except OSError as e:
                number = e.errno or errno.EIO
                raise OSError(number, _words(number), path) from None
            except Timeout:
                reason = f"no answer in {self.timeout:g} seconds"
                ended = self._end(Timeout(f"{op} {path}: {reason}"))
                raise _again(ended) from None
            except Closed as e:
                ended = self._end(Closed(f"{op} {path}: {e}"))
                raise _again(ended) from None
            except errors.InternalError:
                # Of this call, which has ended.
                raise
            except BaseException as e:
                # Ctrl-C, say. The answer of this call must not be taken for
                # the answer of the next one.
                reason = f"interrupted by {type(e).__name__}"
                self._end(Closed(f"{op} {path}: {reason}"))
                raise
            finally:
                self._op = None

    def _end(self, reason: Timeout | Closed) -> Timeout | Closed:
        """
        Let the child go, unless that was done before. Returns the reason that
        counts: the first one.
        """
        # Not under the lock: close is also for another thread's stuck call.
        if self._ended is None:
            self._ended = reason
            self._leave(busy_changing=self._op in CHANGING)
        return self._ended

    def _request(self, op: str, path: str, *args: Any) -> Any:
        raise NotImplementedError

    def _leave(self, busy_changing: bool) -> None:
        """
        Let the child go, without waiting: it ends when it is idle. In the
        middle of a request it is killed, unless it is busy changing storage.
        """
        raise NotImplementedError


def _again(error: Timeout | Closed) -> Timeout | Closed:
    """The same error as a new exception: a trace belongs to one call."""
    return type(error)(str(error))


def _words(number: int) -> str:
    return _WORDS.get(number) or os.strerror(number)


def _check_path(path: str) -> None:
    # The child has its own working directory; a NUL would cut the path.
    if not os.path.isabs(path) or "\0" in path:
        raise ValueError(f"not an absolute path: {path!a}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), path) from None
