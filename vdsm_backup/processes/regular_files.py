# SPDX-License-Identifier: GPL-2.0-or-later
"""
Opening what is there for sure: a regular file, or a directory, and never what
somebody has put in its place.

A server, or another client of it, can swap what a name stands for between any
two of our calls. A symbolic link leads into other storage. A FIFO waits for
its other end. To open a device is to use it: opening a watchdog starts it.

So a name is opened with O_PATH first, which neither follows nor uses what is
there. What was opened so is looked at, and then opened again by its number
under /proc/self/fd, where no name is looked up any more.

The worker imports this module, so it imports the standard library only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, Union

    Name = Union[str, bytes]

_OURS = "/proc/self/fd"

_PATH = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# What the kernel's own words for these errors do not say.
_WORDS = {
    errno.ELOOP: "it is a symbolic link",
    errno.ENXIO: "it is not a regular file",
    errno.EISDIR: "it is not a regular file",
}


def open_file(name: Name, flags: int, dir_fd: int | None = None) -> int:
    """
    Open a regular file that exists.

    flags: of open(2), without O_CREAT. dir_fd: the directory of the name.

    Raises OSError: ELOOP for a symbolic link, EISDIR for a directory, ENXIO
    for any other thing that is no regular file, ESTALE where it is
    replaced again and again.
    """
    try:
        return _open_known(name, flags, dir_fd)
    except OSError as e:
        if e.errno != errno.ESTALE:
            raise
    look_up_again(name, dir_fd)
    return _open_known(name, flags, dir_fd)


def _open_known(name: Name, flags: int, dir_fd: int | None) -> int:
    """As open_file(), of the file that the kernel knows by this name."""
    at = os.open(name, _PATH, dir_fd=dir_fd)
    try:
        found = os.fstat(at)
        require_file(found.st_mode)
        try:
            return os.open(f"{_OURS}/{at}", flags | os.O_CLOEXEC)
        except FileNotFoundError:
            # From the storage, unless proc is not mounted.
            if os.path.isdir(_OURS):
                raise
        return _open_same(name, flags, dir_fd, found)
    finally:
        os.close(at)


def look_up_again(name: Name, dir_fd: int | None) -> None:
    """
    Have the kernel ask the storage which file has this name.

    The kernel believes for a while (FUSE: for a second) what the storage has
    said of a name, and each listing of the directory renews that. A Gluster
    client lists a file that another host has replaced for as long as somebody
    lists the directory. open() by name answers ESTALE by a look-up of its own,
    but /proc/self/fd has no name to look up. lgetxattr() opens nothing, and
    looks up again, too (retry_estale() in Linux, include/linux/namei.h).
    """
    path = os.fsencode(name)
    if dir_fd is not None:
        path = os.fsencode(f"{_OURS}/{dir_fd}/") + path
    # The attribute does not matter. What fails here fails again when the file
    # is opened, and is told then.
    with contextlib.suppress(OSError):
        os.getxattr(path, "user.none", follow_symlinks=False)


def open_directory(
    name: Name, flags: int = os.O_PATH, dir_fd: int | None = None
) -> int:
    """
    Open a directory that exists. Raises OSError: ELOOP for a symbolic link,
    ENOTDIR for any other thing that is no directory.
    """
    try:
        return os.open(name, flags | _DIRECTORY, dir_fd=dir_fd)
    except NotADirectoryError:
        # The kernel answers so for a link, too.
        status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            _fail(errno.ELOOP)
        raise


def require_file(mode: int) -> None:
    """
    Raises OSError as open_file() does for what is no regular file.

    mode: st_mode of what is there.
    """
    if stat.S_ISLNK(mode):
        _fail(errno.ELOOP)
    if stat.S_ISDIR(mode):
        _fail(errno.EISDIR)
    if not stat.S_ISREG(mode):
        _fail(errno.ENXIO)


def require_same(one: os.stat_result, other: os.stat_result) -> None:
    """Raises OSError, ESTALE, for two files that are not the same one."""
    if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino):
        _fail(errno.ESTALE)


def why(error: OSError) -> str:
    """An error of this module, or another one of the storage, in words."""
    return _WORDS.get(error.errno or 0) or error.strerror or str(error)


def _open_same(
    name: Name, flags: int, dir_fd: int | None, wanted: os.stat_result
) -> int:
    """
    Open a file by its name, where there is no proc. A device or a FIFO that
    was put there since is opened and closed; O_NONBLOCK waits for nobody.
    """
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(name, flags, dir_fd=dir_fd)
    try:
        found = os.fstat(fd)
        require_file(found.st_mode)
        require_same(found, wanted)
    except OSError:
        os.close(fd)
        raise
    return fd


def _fail(number: int) -> NoReturn:
    raise OSError(number, os.strerror(number))
