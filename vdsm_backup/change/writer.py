# SPDX-License-Identifier: GPL-2.0-or-later
"""
The process that writes to storage, once.

It runs in a session of its own and holds the registration of the SDM lease
as its stdin and stdout; all that it starts inherits them, so the lease lives
as long as any of them does (see lease/connection.py). Nothing here may print.

The tool leads: before each step the writer says which, and waits for the word
to go on. A tool that died before "commit" changes nothing; after it, the
writer finishes what it began.

    tool -> {"storage": {...}, "old": [...], "new": [...]}
    <- {"step": NAME}   -> {"go": true}    for each step
    <- {"done": true} | {"error": {"code": N, "fields": {...}}}
"""

import contextlib
import signal
import socket

from vdsm_backup import errors
from vdsm_backup.processes.channel import Channel
from vdsm_backup.storage import locate


class ToolGone(Exception):
    """The tool died while there was nothing to finish."""


class Steps:
    """Asks the tool before each step; after "commit" it only tells."""

    def __init__(self, channel):
        self._channel = channel
        self._committed = False

    def __call__(self, name):
        try:
            self._channel.send({"step": name})
            if not self._committed and not self._channel.receive():
                raise ToolGone
        except OSError:
            if not self._committed:
                raise ToolGone
        if name == "commit":
            self._committed = True


def main(args):
    # Only the tool, or its end, decides; not a terminal or a session's end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=int(args[0])))
    try:
        request = channel.receive()
        if request is None:
            return
        _write(request, Steps(channel))
        answer = {"done": True}
    except ToolGone:
        return
    except Exception as e:
        answer = {"error": errors.to_fields(e)}
    with contextlib.suppress(OSError):
        channel.send(answer)


def _write(request, step):
    storage = locate.from_description(request["storage"])
    storage.write(request["old"], request["new"], step)
