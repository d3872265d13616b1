# SPDX-License-Identifier: GPL-2.0-or-later
"""
A warm interpreter: a process that has imported what the children of the tool
need, and forks them (forked.py). Starting Python and importing takes longer
than most of what such a child does. forks.py is the tool's side.

This process has one thread and opens nothing. What is given for a child is
closed here as soon as the child is there. It touches no storage, so it is
never stuck. It ends when the tool has ended, or is done. Its children do not
end with it.

Over a socket that keeps messages apart:

    tool -> {"import": [MODULE, ...]}, once
    tool -> {"number": N, "start": MODULE, "args": [...], "files": [N, ...],
             "as_root": BOOL}           with these files
         <- {"number": N, "pid": PID}, or {"number": N, "errno": ERRNO}
    tool -> {"number": N, "poll": PID}
         <- {"number": N, "status": STATUS, or null while the child runs}

`files` are the numbers by which the child has the files. STATUS is as of
subprocess.Popen.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import socket

from vdsm_backup.processes import forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Bytes of a message; paths are the longest part of one.
MAX_MESSAGE = 64 * 1024
MAX_FILES = 8


def main(args: Sequence[str]) -> None:
    """args: the number of the socket."""
    sock = socket.socket(fileno=int(args[0]))
    server = _Server(sock)
    for module in json.loads(sock.recv(MAX_MESSAGE) or "{}").get("import", ()):
        # The tool may need a child before all is imported.
        while select.select([sock], [], [], 0)[0]:
            if not server.answer():
                return
        importlib.import_module(module)
    while server.answer():
        pass


class _Server:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        #: {pid: child}, also of those that have ended.
        self._children: dict[int, forked.Child] = {}

    def answer(self) -> bool:
        """Answer the next request; False if the tool is gone."""
        data, files, _, _ = socket.recv_fds(self._sock, MAX_MESSAGE, MAX_FILES)
        if not data:
            return False
        request = json.loads(data)
        try:
            answer = self._do(request, files)
        finally:
            for fd in files:
                os.close(fd)
        answer["number"] = request["number"]
        try:
            self._sock.send(json.dumps(answer).encode("ascii"))
        except OSError:
            return False
        return True

    def _do(
        self, request: dict[str, Any], files: Sequence[int]
    ) -> dict[str, Any]:
        if "start" in request:
            return self._start(request, files)
        # Asked again, it is told again: the tool may have been interrupted
        # before it heard.
        return {"status": self._children[request["poll"]].poll()}

    def _start(
        self, request: dict[str, Any], files: Sequence[int]
    ) -> dict[str, Any]:
        try:
            pid = forked.fork(
                request["start"],
                request["args"],
                dict(zip(request["files"], files)),
                request["as_root"],
            )
        except OSError as e:
            return {"errno": e.errno}
        self._children[pid] = forked.Child(pid)
        return {"pid": pid}
