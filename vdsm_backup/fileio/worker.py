# SPDX-License-Identifier: GPL-2.0-or-later
"""
The embedded worker: does file I/O for its parent, one request after another.

It imports only the standard library, so that it starts fast. Its argument is
the descriptor of a stream socket. When the parent is gone the request in hand
is finished, then the worker ends: a rename that was begun must not stay half
done.

A message has four parts:

    4 bytes   length of the JSON object, big-endian
    4 bytes   length of the data
    JSON      a request {"op": NAME, "args": [...]}, or an answer
              {"errno": N} or {"errno": 0, "result": RESULT}
    data      of a file, for writefile, or from readfile

Names are bytes to the kernel. In JSON they are latin-1 text, which maps each
byte to a character and back.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    # What a call gives: a result for JSON, and data.
    Answer = tuple[Any, bytes]

LENGTHS = struct.Struct("!II")

# Bytes of one read. ioprocess reads in blocks of the file system's size. Any
# size that is a multiple of 4096 suits O_DIRECT; this one reads any metadata
# in one step.
CHUNK = 1024**2


def encode(message: Mapping[str, Any], data: bytes = b"") -> bytes:
    """A message and its data, as they go over the socket."""
    text = json.dumps(message).encode("ascii")
    return LENGTHS.pack(len(text), len(data)) + text + data


def decode(read: Callable[[int], bytes]) -> tuple[dict[str, Any], bytes]:
    """The next message and its data. `read(n)` returns n bytes or raises."""
    text_length, data_length = LENGTHS.unpack(read(LENGTHS.size))
    return json.loads(read(text_length)), read(data_length)


def encode_name(path: str) -> str:
    """A path as it stands in a message."""
    return os.fsencode(path).decode("latin-1")


def decode_name(text: str) -> str:
    """The path that encode_name() was given."""
    return os.fsdecode(text.encode("latin-1"))


# The calls. Each takes the data of the message and its arguments, and returns
# a result for JSON and data. Their names and arguments are those of FileIO.


def _lstat(data: bytes, path: str) -> Answer:
    st = os.lstat(_name(path))
    times = [int(t) for t in (st.st_atime, st.st_mtime, st.st_ctime)]
    numbers = [st.st_mode, st.st_ino, st.st_dev, st.st_nlink]
    numbers += [st.st_uid, st.st_gid, st.st_size, *times, st.st_blocks]
    return numbers, b""


def _listdir(data: bytes, path: str) -> Answer:
    names = os.listdir(_name(path))
    return [name.decode("latin-1") for name in names], b""


def _readfile(data: bytes, path: str, direct: bool) -> Answer:
    fd = os.open(_name(path), os.O_RDONLY | _direct(direct))
    try:
        # Up to the size, not up to the end: after the last, short block of a
        # file the offset is not aligned, and a direct read there is EINVAL.
        size = os.fstat(fd).st_size
        content = bytearray()
        with mmap.mmap(-1, CHUNK) as block:
            while len(content) < size:
                n = os.readv(fd, [block])
                if n == 0:
                    break
                content += block[:n]
    finally:
        os.close(fd)
    return None, bytes(content)


def _writefile(data: bytes, path: str, direct: bool) -> Answer:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _direct(direct)
    fd = os.open(_name(path), flags, 0o664)
    try:
        # An anonymous map is aligned, as direct I/O needs it.
        with mmap.mmap(-1, max(len(data), 1)) as block:
            block[: len(data)] = data
            done = 0
            while done < len(data):
                with memoryview(block)[done : len(data)] as rest:
                    done += os.writev(fd, [rest])
        os.fsync(fd)
    finally:
        os.close(fd)
    return None, b""


def _touch(data: bytes, path: str, flags: int, mode: int) -> Answer:
    fd = os.open(_name(path), os.O_WRONLY | os.O_CREAT | flags, mode or 0o644)
    try:
        os.utime(fd)
    finally:
        os.close(fd)
    return None, b""


def _chmod(data: bytes, path: str, mode: int) -> Answer:
    os.chmod(_name(path), mode)
    return None, b""


def _rename(data: bytes, old: str, new: str) -> Answer:
    os.rename(_name(old), _name(new))
    return None, b""


def _link(data: bytes, path: str, name: str) -> Answer:
    os.link(_name(path), _name(name), follow_symlinks=False)
    return None, b""


def _unlink(data: bytes, path: str) -> Answer:
    os.unlink(_name(path))
    return None, b""


def _fsync_path(data: bytes, path: str) -> Answer:
    fd = os.open(_name(path), os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return None, b""


CALLS: dict[str, Callable[..., Answer]] = {
    "lstat": _lstat,
    "listdir": _listdir,
    "readfile": _readfile,
    "writefile": _writefile,
    "touch": _touch,
    "chmod": _chmod,
    "rename": _rename,
    "link": _link,
    "unlink": _unlink,
    "fsyncPath": _fsync_path,
}


def _name(text: str) -> bytes:
    return text.encode("latin-1")


def _direct(direct: bool) -> int:
    return os.O_DIRECT if direct else 0


def _answer(request: Mapping[str, Any], data: bytes) -> bytes:
    try:
        result, data = CALLS[request["op"]](data, *request["args"])
    except OSError as e:
        return encode({"errno": e.errno})
    return encode({"errno": 0, "result": result}, data)


def main(args: list[str]) -> None:
    """args: the descriptor of the socket."""
    sock = socket.socket(fileno=int(args[0]))
    stream = sock.makefile("rb")

    def read(n: int) -> bytes:
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    try:
        while True:
            sock.sendall(_answer(*decode(read)))
    except (EOFError, ConnectionError):
        return  # The parent has closed us, or is gone.
