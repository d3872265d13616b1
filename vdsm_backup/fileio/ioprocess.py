# SPDX-License-Identifier: GPL-2.0-or-later
"""
File I/O through ioprocess, as VDSM does it; tested with ioprocess 1.4.

The comments name what ioprocess does otherwise than our contract, and how it
is made to keep it.
"""

import errno
import logging
import os
import signal
import threading

import ioprocess

from vdsm_backup.fileio.base import Closed, FileIO, StatResult, Timeout

# It logs to these. Without a handler Python would print warnings, and traces
# of its thread, on the stderr of the command line.
for _name in ("IOProcessClient", "IOProcess"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class InstalledFileIO(FileIO):

    kind = "installed"

    def __init__(self, name, timeout):
        super().__init__(name, timeout)
        try:
            self._ioproc = _start(name, timeout)
        except OSError as e:
            reason = f"cannot start ioprocess: {e.strerror}"
            raise Closed(f"{name}: {reason}") from e
        self._pid = self._ioproc.pid

    @property
    def pid(self):
        return self._pid

    def _request(self, op, path, *args):
        _check_encoding(path, *args)
        ioproc = self._ioproc
        if ioproc is None or ioproc.pid != self._pid:
            # Closed by another thread; or it crashed, and has started a new
            # process by itself.
            raise Closed("ioprocess has ended")
        result, error = _outcome(getattr(ioproc, op), path, *args)
        # Our exceptions must not keep it (see _leave); they keep this frame.
        del ioproc
        if error is not None:
            raise error
        return _stat_result(result) if op == "lstat" else result

    def _leave(self, busy_changing):
        # Never its own close(): that closes descriptors by number while its
        # thread may be about to write to one, and that byte then went to
        # whatever we had opened since (seen in 1 of 100). When nobody, its
        # thread included, uses it any more, it ends by itself: its thread
        # kills the process and waits for it.
        if busy_changing:
            threading.Thread(
                target=_outlive, args=(self._ioproc,), daemon=True
            ).start()
        self._ioproc = None


def _start(name, timeout):
    # When we die, ioprocess finishes the request in hand; but it also logs
    # that its pipe was closed, to a pipe that is gone too, and SIGPIPE would
    # kill it in the middle of a rename. Ctrl-C reaches it, in our session, as
    # it does us. A signal that is blocked here stays blocked in the thread
    # and the process that are started here.
    signals = {signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        # One thread is enough for one call at a time, and with one thread
        # _outlive knows that the call before it has ended.
        return ioprocess.IOProcess(max_threads=1, timeout=timeout, name=name)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _outlive(ioproc):
    """Keep it until the call in hand has ended."""
    ioproc.timeout = None
    _outcome(ioproc.ping)


def _outcome(call, *args):
    """The result of a call and None, or None and our error."""
    try:
        return call(*args), None
    except ioprocess.Timeout:
        return None, Timeout()
    except OSError as e:
        if e.errno == ioprocess.ERR_IOPROCESS_CRASH:
            return None, Closed("ioprocess has ended")
        return None, OSError(e.errno, e.strerror)


def _check_encoding(*args):
    # Names go through JSON, where it makes another name of a byte that is not
    # UTF-8: the call would meet another file.
    for arg in args:
        if isinstance(arg, str) and not _is_utf8(arg):
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), arg)


def _is_utf8(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _stat_result(st):
    # It sends unsigned numbers as signed ones, and seconds as floats.
    return StatResult(
        *(
            int(number) if name.endswith("time") else number & (2**64 - 1)
            for name, number in st._asdict().items()
        )
    )
