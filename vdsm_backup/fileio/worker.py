# SPDX-License-Identifier: GPL-2.0-or-later
"""
The embedded worker: does file I/O for its parent, one request after another.

It imports only the standard library, so that it starts fast. Its argument is
the descriptor of a stream socket. When the parent is gone the request in hand
is finished, then the worker ends: a rename that was begun must not stay half
done.

A message is two lengths, a JSON object, and bytes (the data of a file). Names
are bytes to the kernel; in JSON they are latin-1 text, which maps each byte to
a character and back.
"""

import json
import mmap
import os
import socket
import struct

LENGTHS = struct.Struct("!II")

# ioprocess reads in blocks of the file system's size. Any size that is a
# multiple of 4096 suits O_DIRECT; this one reads any metadata in one step.
CHUNK = 1024**2


def encode(message, data=b""):
    text = json.dumps(message).encode("ascii")
    return LENGTHS.pack(len(text), len(data)) + text + data


def decode(read):
    """The next message and its data. `read(n)` returns n bytes or raises."""
    text_length, data_length = LENGTHS.unpack(read(LENGTHS.size))
    return json.loads(read(text_length)), read(data_length)


def encode_name(path):
    return os.fsencode(path).decode("latin-1")


def decode_name(text):
    return os.fsdecode(text.encode("latin-1"))


# The calls. Each takes the arguments of the message and its data, and returns
# a result for JSON and data.


def _lstat(data, path):
    st = os.lstat(_name(path))
    times = [int(t) for t in (st.st_atime, st.st_mtime, st.st_ctime)]
    numbers = [st.st_mode, st.st_ino, st.st_dev, st.st_nlink]
    numbers += [st.st_uid, st.st_gid, st.st_size, *times, st.st_blocks]
    return numbers, b""


def _listdir(data, path):
    names = os.listdir(_name(path))
    return [name.decode("latin-1") for name in names], b""


def _readfile(data, path, direct):
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


def _writefile(data, path, direct):
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


def _touch(data, path, flags, mode):
    fd = os.open(_name(path), os.O_WRONLY | os.O_CREAT | flags, mode or 0o644)
    try:
        os.utime(fd)
    finally:
        os.close(fd)
    return None, b""


def _chmod(data, path, mode):
    os.chmod(_name(path), mode)
    return None, b""


def _rename(data, old, new):
    os.rename(_name(old), _name(new))
    return None, b""


def _unlink(data, path):
    os.unlink(_name(path))
    return None, b""


def _fsync_path(data, path):
    fd = os.open(_name(path), os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    return None, b""


CALLS = {
    "lstat": _lstat,
    "listdir": _listdir,
    "readfile": _readfile,
    "writefile": _writefile,
    "touch": _touch,
    "chmod": _chmod,
    "rename": _rename,
    "unlink": _unlink,
    "fsyncPath": _fsync_path,
}


def _name(text):
    return text.encode("latin-1")


def _direct(direct):
    return os.O_DIRECT if direct else 0


def _answer(request, data):
    try:
        result, data = CALLS[request["op"]](data, *request["args"])
    except OSError as e:
        return encode({"errno": e.errno})
    return encode({"errno": 0, "result": result}, data)


def main(args):
    sock = socket.socket(fileno=int(args[0]))
    stream = sock.makefile("rb")

    def read(n):
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    try:
        while True:
            sock.sendall(_answer(*decode(read)))
    except (EOFError, ConnectionError):
        return  # The parent has closed us, or is gone.
