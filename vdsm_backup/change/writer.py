# SPDX-License-Identifier: GPL-2.0-or-later
"""
The process that writes to storage, once.

It runs in a session of its own. It makes the registration of the SDM lease its
stdin and stdout, and all processes that it starts inherit them. So the lease
lives as long as any of these processes (see lease/connection.py). Nothing here
may print.

The tool leads: before each step the writer names the step, and waits until
the tool lets it go on. If the tool dies before "commit", nothing is changed.
If the tool dies later, the writer finishes what it began.

    tool -> the descriptor of the registration
    tool -> {"storage": {...}, "old": [...], "new": [...]}
    <- {"step": NAME}   -> {"go": true}    for each step
    <- {"done": true}
       | {"error": {"code": N, "fields": {...}}, "overlapped": OVERLAPPED}

OVERLAPPED is null, or what is known where somebody else wrote at the same
time: {"found": [...], "replaced": [...] | null}, see storage/base.py.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket

from vdsm_backup import errors
from vdsm_backup.processes import confined, forked, spawn
from vdsm_backup.processes.channel import Channel, ToolGone, receive_fd
from vdsm_backup.storage import locate
from vdsm_backup.storage.base import Overlapped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence


class Steps:
    """
    Tells the tool of each step, and waits until the tool lets us go on. It
    waits no more after "commit".
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._committed = False

    def __call__(self, name: str) -> None:
        """Raises ToolGone."""
        try:
            self._channel.send({"step": name})
            if not self._committed and not self._channel.receive():
                raise ToolGone
        except OSError:
            if not self._committed:
                raise ToolGone
        if name == "commit":
            self._committed = True


def main(args: Sequence[str]) -> None:
    """args: the number of the file by which the tool is reached."""
    # Only the tool decides, or its end. A terminal or the end of a session
    # does not.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sock = socket.socket(fileno=int(args[0]))
    channel = Channel(sock)
    try:
        _keep_lease(receive_fd(sock))
        request = channel.receive()
        if request is None:
            return
        _write(request, Steps(channel))
        answer: dict[str, Any] = {"done": True}
    except (EOFError, ToolGone):
        return
    except Exception as e:
        answer = {
            "error": errors.to_fields(e),
            "overlapped": _overlapped(e.__cause__),
        }
    with contextlib.suppress(OSError):
        channel.send(answer)


def _keep_lease(fd: int) -> None:
    for standard in (0, 1):
        os.dup2(fd, standard)
    os.close(fd)


def _overlapped(cause: BaseException | None) -> dict[str, Any] | None:
    if not isinstance(cause, Overlapped):
        return None
    return {"found": cause.found, "replaced": cause.replaced}


def _write(request: dict[str, Any], step: Steps) -> None:
    if request["storage"]["kind"] == "file":
        # LVM needs root; nothing here does.
        confined.drop()
    # The worker of a file domain: we have one thread, and have imported all
    # that it needs.
    spawn.warm = forked.start
    writer = locate.from_description(request["storage"])
    writer.write(request["old"], request["new"], step)
