# SPDX-License-Identifier: GPL-2.0-or-later
"""
What both backends share: the calls, and the end after a timeout or a crash.

A backend is given checked arguments in `_request` and returns, or raises
OSError (the call failed), Timeout or Closed (the child is of no use any more).
"""

import collections
import errno
import os
import threading

# The fields of ioprocess's own StatResult, bindings/python/ioprocess.
StatResult = collections.namedtuple(
    "StatResult",
    "st_mode, st_ino, st_dev, st_nlink, st_uid, st_gid, st_size, st_atime,"
    " st_mtime, st_ctime, st_blocks",
)

# These are never killed; see the package's contract.
CHANGING = frozenset(
    ("touch", "writefile", "chmod", "rename", "unlink", "fsyncPath")
)


class Timeout(RuntimeError):
    """The storage did not answer in time, in this call or an earlier one."""


class Closed(RuntimeError):
    """There is no child: it was closed, has ended, or could not start."""


class FileIO:

    #: The value of [storage] ioprocess that makes this one.
    kind = None

    def __init__(self, name, timeout):
        self.name = name
        self.timeout = timeout
        #: What every call raises from now on.
        self._ended = None
        self._op = None
        self._lock = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def lstat(self, path):
        return self._call("lstat", path)

    def listdir(self, path):
        return self._call("listdir", path)

    def readfile(self, path, direct=False):
        return self._call("readfile", path, direct)

    def writefile(self, path, data, direct=False):
        self._call("writefile", path, data, direct)

    def touch(self, path, flags, mode):
        """Open for writing, O_CREAT and `flags`; set the times to now."""
        self._call("touch", path, flags, mode)

    def chmod(self, path, mode):
        self._call("chmod", path, mode)

    def rename(self, old, new):
        _check_path(new)
        self._call("rename", old, new)

    def unlink(self, path):
        self._call("unlink", path)

    def fsyncPath(self, path):
        self._call("fsyncPath", path)

    def close(self):
        self._end(Closed(f"{self.name} was closed"))

    def _call(self, op, path, *args):
        _check_path(path)
        # Before the lock, since who has it may be stuck. If it ends only while
        # we wait for the lock, the backend finds its child gone.
        if self._ended is not None:
            raise _again(self._ended)
        with self._lock:
            self._op = op
            try:
                return self._request(op, path, *args)
            except OSError as e:
                raise OSError(e.errno, os.strerror(e.errno), path) from None
            except Timeout:
                reason = f"no answer in {self.timeout:g} seconds"
                self._end(Timeout(f"{op} {path}: {reason}"))
                raise _again(self._ended) from None
            except Closed as e:
                self._end(Closed(f"{op} {path}: {e}"))
                raise _again(self._ended) from None
            except BaseException as e:
                # Ctrl-C, say. The answer of this call must not be taken for
                # the answer of the next one.
                reason = f"interrupted by {type(e).__name__}"
                self._end(Closed(f"{op} {path}: {reason}"))
                raise
            finally:
                self._op = None

    def _end(self, reason):
        # Not under the lock: close is also for another thread's stuck call.
        if self._ended is None:
            self._ended = reason
            self._leave(busy_changing=self._op in CHANGING)

    def _request(self, op, path, *args):
        raise NotImplementedError

    def _leave(self, busy_changing):
        """
        Let the child go, without waiting: it ends when it is idle. In the
        middle of a request it is killed, unless it is busy changing storage.
        """
        raise NotImplementedError


def _again(error):
    return type(error)(str(error))


def _check_path(path):
    # The child has its own working directory; a NUL would cut the path.
    if not os.path.isabs(path) or "\0" in path:
        raise ValueError(f"not an absolute path: {path!a}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), path) from None
