# SPDX-License-Identifier: GPL-2.0-or-later
"""
The calls of the embedded worker, on storage that may be hostile.

The server of a mount, or another client of it, can replace any file and any
directory on it between two of our system calls. So below the base no symbolic
link is followed, neither in the place of a file nor of a directory on the way
to it. What is opened is a regular file or a directory (see
processes/regular_files.py), and after that only its descriptor is used. Only
`touch` makes a file, and never opens one that exists. The file that `touch`
has made stays open until it is renamed or removed, and calls that name it work
on that descriptor: what stands under its name by then does not matter.

The module imports only the standard library, and what imports only that.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat

from vdsm_backup.processes import regular_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Tuple, TypeVar

    # What a call gives: a result for JSON, and data.
    Answer = Tuple[Any, bytes]
    T = TypeVar("T")

# Bytes of one read, and what they are a multiple of. ioprocess reads in blocks
# of the file system's size. Any multiple of 4096 suits O_DIRECT, for which the
# kernel fetches all pages of the buffer, however short the file is.
CHUNK = 1024**2
BLOCK = 4096

# What a storage domain has of ours is far below these limits, and a server
# can claim any size: of a file in bytes, of a directory in names and in the
# bytes of all its names.
MAX_FILE = 4 * 1024**2
MAX_NAMES = 256 * 1024
MAX_LISTING = 16 * 1024**2

DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# NFS answers ESTALE for a file that was replaced between our looking it up
# and our opening it. Gluster answers ENOENT, too, and only when the file is
# read: its translator open-behind leaves the opening until then.
_REPLACED = (errno.ESTALE, errno.ENOENT)
_TRIES = 3


class Calls:
    """
    Methods without an underscore are the calls of FileIO, by their names.
    They take the data of the message and the arguments of the call, with
    paths as bytes, and return a result for JSON, and data. They raise OSError.

    base: links are followed in this path, and in none below it.
    """

    def __init__(self, base: bytes) -> None:
        self._base = base.rstrip(b"/")
        #: {path: open file} of the files that we have made.
        self._made: dict[bytes, int] = {}

    def lstat(self, data: bytes, path: bytes) -> Answer:
        st = self._at(
            path,
            lambda name, fd: os.stat(name, dir_fd=fd, follow_symlinks=False),
        )
        # Not by the floats, which round the largest one up: it would fit in
        # no field of 64 bits.
        times = [
            nanoseconds // 10**9
            for nanoseconds in (st.st_atime_ns, st.st_mtime_ns, st.st_ctime_ns)
        ]
        numbers = [st.st_mode, st.st_ino, st.st_dev, st.st_nlink]
        numbers += [st.st_uid, st.st_gid, st.st_size, *times, st.st_blocks]
        return numbers, b""

    def listdir(self, data: bytes, path: bytes) -> Answer:
        """The data are the names, with a NUL after each."""
        fd = self._at(path, _open_listed)
        names = bytearray()
        count = 0
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    names += os.fsencode(entry.name) + b"\0"
                    count += 1
                    if count > MAX_NAMES or len(names) > MAX_LISTING:
                        raise OSError(errno.EFBIG, "too many names")
        finally:
            os.close(fd)
        return None, bytes(names)

    def readfile(self, data: bytes, path: bytes, direct: bool) -> Answer:
        for left in reversed(range(_TRIES)):
            try:
                return None, self._read(path, direct)
            except OSError as e:
                replaced = e.errno in _REPLACED and path not in self._made
                if not replaced or not left:
                    raise
                self._at(path, regular_files.look_up_again)
        raise AssertionError

    def _read(self, path: bytes, direct: bool) -> bytes:
        fd = self._open(path, os.O_RDONLY | _direct(direct))
        try:
            # Up to the size, not up to the end: after the last, short block
            # of a file the offset is not aligned, and a direct read there is
            # EINVAL.
            size = os.fstat(fd).st_size
            if size > MAX_FILE:
                raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
            content = bytearray()
            blocks = max(1, -(-size // BLOCK))
            with mmap.mmap(-1, min(CHUNK, blocks * BLOCK)) as block:
                while len(content) < size:
                    n = os.readv(fd, [block])
                    if n == 0:
                        break
                    content += block[:n]
        finally:
            os.close(fd)
        return bytes(content)

    def writefile(self, data: bytes, path: bytes, direct: bool) -> Answer:
        if path in self._made and not direct:
            fd, ours = self._made[path], True
        else:
            fd, ours = self._open(path, os.O_WRONLY | _direct(direct)), False
        try:
            # A file with a second name may be another domain's, too.
            if os.fstat(fd).st_nlink > 1:
                raise OSError(errno.EMLINK, os.strerror(errno.EMLINK))
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            _write(fd, data)
            os.fsync(fd)
        finally:
            if not ours:
                os.close(fd)
        return None, b""

    def touch(self, data: bytes, path: bytes, mode: int) -> Answer:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        fd = self._at(
            path,
            lambda name, at: os.open(name, flags, mode or 0o644, dir_fd=at),
        )
        try:
            os.utime(fd)
        except OSError:
            os.close(fd)
            raise
        self._forget(path)
        self._made[path] = fd
        return None, b""

    def chmod(self, data: bytes, path: bytes, mode: int) -> Answer:
        if path in self._made:
            os.fchmod(self._made[path], mode)
            return None, b""
        fd = self._open(path, os.O_RDONLY)
        try:
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        return None, b""

    def rename(self, data: bytes, old: bytes, new: bytes) -> Answer:
        if old in self._made:
            # What we have made, and not what stands there now.
            os.close(self._open(old, os.O_RDONLY))
        # On NFS a file that is open is not removed but renamed.
        self._forget(old)
        self._forget(new)
        self._at(
            old,
            lambda name, fd: self._at(
                new,
                lambda new_name, new_fd: os.rename(
                    name, new_name, src_dir_fd=fd, dst_dir_fd=new_fd
                ),
            ),
        )
        return None, b""

    def link(self, data: bytes, path: bytes, name: bytes) -> Answer:
        self._at(
            path,
            lambda old, fd: self._at(
                name,
                lambda new, new_fd: os.link(
                    old,
                    new,
                    src_dir_fd=fd,
                    dst_dir_fd=new_fd,
                    # A symbolic link gets the second name itself.
                    follow_symlinks=False,
                ),
            ),
        )
        return None, b""

    def unlink(self, data: bytes, path: bytes) -> Answer:
        self._forget(path)
        self._at(path, lambda name, fd: os.unlink(name, dir_fd=fd))
        return None, b""

    def fsyncPath(self, data: bytes, path: bytes) -> Answer:
        fd = self._at(path, _open_any)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        return None, b""

    def _open(self, path: bytes, flags: int) -> int:
        """
        A regular file. Raises ESTALE if it is not the one that we have made
        under this path.
        """
        fd = self._at(
            path,
            lambda name, at: regular_files.open_file(name, flags, at),
        )
        try:
            if path in self._made:
                made = os.fstat(self._made[path])
                regular_files.require_same(os.fstat(fd), made)
        except OSError:
            os.close(fd)
            raise
        return fd

    def _forget(self, path: bytes) -> None:
        if path in self._made:
            os.close(self._made.pop(path))

    def _allowed(self, call: Callable[..., T], *args: Any, **more: Any) -> T:
        """
        call(...), which looks a name up. In a subclass, another user may try
        what this one may not do.
        """
        return call(*args, **more)

    def _open_base(self) -> int:
        return os.open(self._base or b"/", DIRECTORY)

    def _at(self, path: bytes, call: Callable[[bytes, int], T]) -> T:
        """
        call(name, descriptor of the directory that it is in), for a path. The
        name of the base itself is ".": it may be a link.
        """
        base = self._base
        if path.rstrip(b"/") == base:
            below = [b"."]
        elif path.startswith(base + b"/"):
            below = [part for part in path[len(base) :].split(b"/") if part]
        else:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        if b".." in below:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fd = self._open_base()
        try:
            for part in below[:-1]:
                deeper = self._allowed(
                    regular_files.open_directory, part, dir_fd=fd
                )
                os.close(fd)
                fd = deeper
            return self._allowed(call, below[-1], fd)
        finally:
            os.close(fd)


NAMES = frozenset(name for name in vars(Calls) if not name.startswith("_"))


def _open_listed(name: bytes, dir_fd: int) -> int:
    return regular_files.open_directory(name, os.O_RDONLY, dir_fd)


def _open_any(name: bytes, dir_fd: int) -> int:
    """A regular file or a directory, for reading."""
    status = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    if stat.S_ISDIR(status.st_mode):
        return _open_listed(name, dir_fd)
    return regular_files.open_file(name, os.O_RDONLY, dir_fd)


def _write(fd: int, data: bytes) -> None:
    # An anonymous map is aligned, as direct I/O needs it.
    with mmap.mmap(-1, max(len(data), 1)) as block:
        block[: len(data)] = data
        done = 0
        while done < len(data):
            with memoryview(block)[done : len(data)] as rest:
                done += os.writev(fd, [rest])


def _direct(direct: bool) -> int:
    return os.O_DIRECT if direct else 0
