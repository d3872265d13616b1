# SPDX-License-Identifier: GPL-2.0-or-later
"""
A child that is forked, and runs a module without starting Python again.

What it can rely on is what it can rely on where spawn.start() starts it:

- It runs the code that its parent runs, in a session of its own, in the root
  directory, as the user that it would be otherwise.
- It has no open files but those that it is given. A fork inherits all of
  them, whatever their flags say, so the child closes the others first of all.
- It shows in its command line what it is.

A process that forks must have one thread: a lock that another thread has at
that moment is never released in the child.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import signal
import subprocess
import sys
import time

from vdsm_backup.processes import forking, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from typing import IO, NoReturn

# Seconds between two looks whether a child has ended: the first and the
# longest pause, as subprocess has them.
_PAUSE = (0.0005, 0.05)

# Places of arg_start and arg_end in /proc/<pid>/stat, behind the name.
_ARGUMENTS = slice(45, 47)


class Child:
    """A process that was forked, with what we use of a subprocess.Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._status: int | None = None

    def poll(self) -> int | None:
        if self._status is None:
            self._status = self._ask_status()
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        pause, longest = _PAUSE
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            status = self.poll()
            if status is not None:
                return status
            if deadline is not None and time.monotonic() >= deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            time.sleep(pause)
            pause = min(pause * 2, longest)

    def kill(self) -> None:
        # The pid is the child's as long as nobody has asked for its end.
        if self._status is None:
            self._send_kill()

    def _ask_status(self) -> int | None:
        """Its status if it has ended; asked no more once it is known."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        if os.WIFSIGNALED(status):
            return -os.WTERMSIG(status)
        return os.WEXITSTATUS(status)

    def _send_kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def start(
    module: str,
    args: Iterable[str] = (),
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    pass_fds: Collection[int] = (),
    as_root: bool = False,
) -> Child:
    """As spawn.start(), in a process of one thread."""
    files = given(stdin, stdout, pass_fds)
    return Child(fork(module, list(args), files, as_root))


def given(
    stdin: int | IO[bytes], stdout: int | IO[bytes], pass_fds: Collection[int]
) -> dict[int, int]:
    """{number of a file in the child: its number here}"""
    files = {number: number for number in pass_fds}
    for number, file in enumerate((stdin, stdout)):
        if file != subprocess.DEVNULL:
            files[number] = file if isinstance(file, int) else file.fileno()
    return files


def fork(
    module: str, args: Sequence[str], files: Mapping[int, int], as_root: bool
) -> int:
    """
    The pid of a child that calls main(args) of a module. files: as of given().
    Raises OSError, and RuntimeError if this process has several threads.
    """
    forking.require_one_thread()
    pid = os.fork()
    if not pid:
        _run(module, args, files, as_root)
    return pid


def _run(
    module: str, args: Sequence[str], files: Mapping[int, int], as_root: bool
) -> NoReturn:
    """The child, from its first moment to its end."""
    code = 1
    try:
        forking.keep_objects()
        _keep(files)
        os.setsid()
        if as_root:
            identity.become_root()
        _show([sys.executable, module, *args])
        importlib.import_module(module).main(args)
        # As at the end of an interpreter.
        sys.stdout.flush()
        code = 0
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
    finally:
        os._exit(code)


def _keep(files: Mapping[int, int]) -> None:
    """Close all files but these, and give these their numbers."""
    above = max([*files, 2]) + 1
    moved = {
        number: fcntl.fcntl(fd, fcntl.F_DUPFD, above)
        for number, fd in files.items()
    }
    forking.close_all_but(set(moved.values()))
    # It is 0, the lowest number that is free.
    null = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(null, number)
    for number, fd in moved.items():
        os.dup2(fd, number)
        os.close(fd)


def _show(words: Sequence[str]) -> None:
    """
    Make this the command line that ps shows: for who is told of one of our
    processes by its pid. The kernel reads it from the memory of the process.
    """
    # Here, since the tool imports this module, and shows nothing.
    import ctypes

    # There may be no proc.
    with contextlib.suppress(OSError):
        with open("/proc/self/stat", "rb") as f:
            fields = f.read().rpartition(b")")[2].split()
        start, end = map(int, fields[_ARGUMENTS])
        room = end - start
        text = b"\0".join(map(os.fsencode, words))[: room - 1]
        ctypes.memmove(start, text.ljust(room, b"\0"), room)
