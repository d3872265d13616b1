# SPDX-License-Identifier: GPL-2.0-or-later
"""
The embedded worker: does file I/O for its parent, one request after another.

It imports only the standard library, and what imports only that, so that it
starts fast. Its arguments are the descriptor of a stream socket, and the path
up to which links are followed (calls.py). When the parent is gone the request
in hand is finished, then the worker ends: a rename that was begun must not
stay half done.

A message has four parts:

    4 bytes   length of the JSON object, big-endian
    4 bytes   length of the data
    JSON      a request {"op": NAME, "args": [...]}, or an answer
              {"errno": N} or {"errno": 0, "result": RESULT}
    data      of a file, for writefile, or from readfile; names with a NUL
              behind each, from listdir

Names are bytes to the kernel. In JSON they are latin-1 text, which maps each
byte to a character and back.
"""

from __future__ import annotations

import json
import os
import socket
import struct

from vdsm_backup.fileio.calls import NAMES, Calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

LENGTHS = struct.Struct("!II")

# How many of the arguments of a call are paths, if not one.
PATHS = {"rename": 2, "link": 2}


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


def decode_names(data: bytes) -> list[str]:
    """The names that are the data of a message."""
    return [os.fsdecode(name) for name in data.split(b"\0")[:-1]]


def _answer(
    calls: Calls,
    names: Collection[str],
    request: Mapping[str, Any],
    data: bytes,
) -> bytes:
    op, args = request["op"], request["args"]
    if op not in names:
        raise ValueError(f"no call {op!a}")
    paths = [arg.encode("latin-1") for arg in args[: PATHS.get(op, 1)]]
    try:
        call = getattr(calls, op)
        result, data = call(data, *paths, *args[len(paths) :])
    except OSError as e:
        return encode({"errno": e.errno})
    return encode({"errno": 0, "result": result}, data)


def main(args: list[str]) -> None:
    """args: the descriptor of the socket, the base of Calls."""
    serve(int(args[0]), Calls(os.fsencode(args[1])))


def serve(fd: int, calls: Calls, names: Collection[str] = NAMES) -> None:
    """
    Answer what comes in, until the parent is gone.

    fd: the descriptor of the socket. names: of the calls that are done.
    """
    sock = socket.socket(fileno=fd)
    stream = sock.makefile("rb")

    def read(n: int) -> bytes:
        data = stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    try:
        while True:
            sock.sendall(_answer(calls, names, *decode(read)))
    except (EOFError, ConnectionError):
        return  # The parent has closed us, or is gone.
