# SPDX-License-Identifier: GPL-2.0-or-later
"""
Holders that misbehave, in place of lease/holder.py. Arguments: what one does,
step by step, then those of a holder.
"""

import contextlib
import os
import signal
import socket
import sys
import time

from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.processes.channel import Channel


class Tool:
    """The other side, and what it has asked for."""

    def __init__(self, control, handover):
        self._channel = Channel(socket.socket(fileno=int(control)))
        self._handover = socket.socket(fileno=int(handover))
        self.asked = self.receive()

    def receive(self):
        return self._channel.receive()

    def tell(self, **message):
        self._channel.send(message)

    def fail(self, error):
        self.tell(error=errors.to_fields(error))

    def hold(self):
        fd = os.open(os.devnull, os.O_RDONLY)
        socket.send_fds(self._handover, [b"x"], [fd])
        self.tell(held=7, taken_at=client.now())

    def give_up_handing_over(self):
        """Until the descriptor that was sent is with nobody."""
        with contextlib.suppress(ConnectionResetError):
            assert self._handover.recv(1) == b""

    def show_request(self):
        assert self.asked["task"] == "hold"
        self.tell(progress=LeaseRequest(**self.asked["request"]).ids)

    def expect(self, task):
        assert self.asked["task"] == task


STEPS = {
    "be killed": lambda tool: os.kill(os.getpid(), signal.SIGKILL),
    "be refused": lambda tool: tool.fail(errors.LeaseBusy("x", "host id 3")),
    "exit": lambda tool: sys.exit(3),
    "expect probe": lambda tool: tool.expect("probe"),
    "expect tidy": lambda tool: tool.expect("tidy"),
    "fail": lambda tool: tool.fail(ValueError("no")),
    "give up handing over": Tool.give_up_handing_over,
    "hold": Tool.hold,
    "receive": Tool.receive,
    "show request": Tool.show_request,
    "stay": lambda tool: time.sleep(100),
    "writing": lambda tool: tool.tell(writing=True),
}


def main(args):
    """A step that is none is what it says."""
    *steps, control, handover = args
    tool = Tool(control, handover)
    for step in steps:
        STEPS.get(step, lambda t, text=step: t.tell(progress=text))(tool)
