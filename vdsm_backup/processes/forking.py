# SPDX-License-Identifier: GPL-2.0-or-later
"""
A child that goes on with our code, where starting Python again would take
longer than what the child is for.

A fork copies one thread, and the locks of all. So it is done in a process that
is ours from its start, says so by allow(), and has one thread. VDSM, which
imports us, is never forked.

The child is in nobody's way, as one that is started anew: it has a session of
its own, the root directory as its working directory, /dev/null as its standard
files, and no other open file but those that it is given. It has our effective
user and group, and no privileges (confined.py), or is root altogether.
"""

from __future__ import annotations

import os

from vdsm_backup.processes import defaults, identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_OURS = "/proc/self/fd"
_THREADS = "/proc/self/task"

_allowed = False


def allow() -> None:
    """This process is ours: called where it begins, in its main thread."""
    global _allowed
    _allowed = True


def is_allowed() -> bool:
    """Whether this process may be forked, while it has one thread."""
    return _allowed


def start(
    main: Callable[[list[int]], object],
    name: str,
    fds: Sequence[int],
    as_root: bool = False,
) -> int:
    """
    Fork. The child calls main() with its numbers of the descriptors, and ends.

    name: what the kernel calls the child, for people: at most 15 characters.
    fds: the open files that the child has.
    as_root: it is root, if this process was started as root.

    Returns the pid of the child. Raises OSError if there can be none, and
    RuntimeError if this process must not be forked.
    """
    if not _allowed:
        raise RuntimeError("this process is not ours to be forked")
    require_one_thread()
    pid = os.fork()
    if pid:
        return pid
    try:
        # Handlers are inherited, and those of the parent are for itself.
        defaults.end_by_signals()
        kept = _leave_parent(fds)
        # Only here: it imports ctypes, which the parent does not need.
        from vdsm_backup.processes import confined

        if as_root:
            identity.become_root()
        else:
            confined.drop()
        confined.name(name)
        main(kept)
        os._exit(0)
    finally:
        # Nothing above us goes on in the child, whatever has failed.
        os._exit(1)


def require_one_thread() -> None:
    """Raises RuntimeError if this process must not be forked now."""
    count = _count_threads()
    if count > 1:
        raise RuntimeError(f"a process of {count} threads cannot be forked")


def keep_objects() -> None:
    """
    In a child, before its files are closed: an object that was made before the
    fork must not close a file by its number, which may be another file's by
    then.
    """
    import gc

    gc.freeze()


def _leave_parent(fds: Sequence[int]) -> list[int]:
    """The child's numbers of the descriptors."""
    keep_objects()
    os.setsid()
    os.chdir("/")
    kept = [_above_standard(fd) for fd in fds]
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    close_all_but({0, 1, 2, *kept})
    return kept


def _above_standard(fd: int) -> int:
    """The same file by a number that is no standard file's."""
    while fd <= 2:
        fd = os.dup(fd)
    return fd


def close_all_but(kept: set[int]) -> None:
    """Close all files of this process but these, whatever their flags say."""
    try:
        fds = list(map(int, os.listdir(_OURS)))
    except OSError:
        # Where proc is not mounted.
        fds = list(range(os.sysconf("SC_OPEN_MAX")))
    for fd in set(fds) - kept:
        try:
            os.close(fd)
        except OSError:
            # The one by which the directory was listed.
            pass


def _count_threads() -> int:
    try:
        # Those too that Python has not started.
        return len(os.listdir(_THREADS))
    except FileNotFoundError:
        import threading

        return threading.active_count()
