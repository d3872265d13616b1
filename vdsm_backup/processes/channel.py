# SPDX-License-Identifier: GPL-2.0-or-later
"""How two of our processes talk: one JSON value a line, over a socket."""

from __future__ import annotations

import json
import os
import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A request holds the metadata twice, at most 1 MiB each, escaped.
MAX_LINE = 16 * 1024**2


class Timeout(Exception):
    """The other side said nothing in time."""


class ToolGone(Exception):
    """
    For a process that the tool has started: the tool has ended, or is done,
    and there is nothing to finish.
    """


class Channel:
    """Our end of a stream socket, whose other end is a Channel, too."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    def send(self, value: Any) -> None:
        """Send a value of JSON. Raises OSError if the other side is gone."""
        data = json.dumps(value).encode("ascii") + b"\n"
        self._sock.settimeout(None)
        self._sock.sendall(data)

    def receive(self, timeout: float | None = None) -> Any:
        """
        The next value, or None if the other side is gone.

        timeout: in seconds; None waits for ever.

        Raises Timeout, and ValueError for what is no line of JSON.
        """
        self._sock.settimeout(timeout)
        while b"\n" not in self._buffer:
            try:
                data = self._sock.recv(65536)
            except socket.timeout:
                raise Timeout
            except ConnectionError:
                return None
            if not data:
                return None
            self._buffer += data
            if len(self._buffer) > MAX_LINE:
                raise ValueError("line too long")
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()


def receive_fd(sock: socket.socket) -> int:
    """
    A file that the other side sent by socket.send_fds(), with one byte.
    Raises EOFError if the other side is gone.
    """
    # Not with MSG_CMSG_CLOEXEC: recv_fds() ignores its flags (Python 3.13).
    try:
        _, fds, _, _ = socket.recv_fds(sock, 1, 1)
    except ConnectionError:
        fds = []
    if not fds:
        raise EOFError
    os.set_inheritable(fds[0], False)
    return fds[0]
