# SPDX-License-Identifier: GPL-2.0-or-later
"""
Holders that misbehave, in place of lease/holder.py. Arguments: the name of a
function, then those of a holder.
"""

import os
import signal
import socket
import time

from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.processes.channel import Channel


class Tool:
    """The other side, and what it has asked for."""

    def __init__(self, control, handover):
        self._channel = Channel(socket.socket(fileno=int(control)))
        self._handover = socket.socket(fileno=int(handover))
        self.asked = self._channel.receive()
        self.receive = self._channel.receive

    def tell(self, **message):
        self._channel.send(message)

    def fail(self, error):
        self.tell(error=errors.to_fields(error))

    def hand_over(self):
        fd = os.open(os.devnull, os.O_RDONLY)
        socket.send_fds(self._handover, [b"x"], [fd])
        self.tell(held=7)


def hold(tool):
    tool.tell(progress="one")
    tool.hand_over()


def show_request(tool):
    assert tool.asked["task"] == "hold"
    tool.tell(progress=client.Request(**tool.asked["request"]).ids)
    tool.hand_over()


def be_refused(tool):
    tool.fail(errors.LeaseBusy("x", "host id 3"))
    tool.tell(progress="leaving")


def say_nothing_more(tool):
    tool.tell(progress="one")
    stay(tool)


def stay(tool):
    time.sleep(100)


def be_killed(tool):
    os.kill(os.getpid(), signal.SIGKILL)


def exit_with_3(tool):
    raise SystemExit(3)


def leave(tool):
    tool.hand_over()
    tool.receive()
    tool.tell(progress="left")


def never_leave(tool):
    tool.hand_over()
    stay(tool)


def wait_for_a_writer(tool):
    tool.hand_over()
    tool.receive()
    tidy_beside_a_writer(tool)


def fail_to_leave(tool):
    tool.hand_over()
    tool.receive()
    fail(tool)


def expect_tidy(tool):
    assert tool.asked["task"] == "tidy"


def expect_probe(tool):
    assert tool.asked["task"] == "probe"


def fail(tool):
    tool.fail(ValueError("no"))


def tidy_beside_a_writer(tool):
    tool.tell(writing=True)
    stay(tool)


def main(args):
    name, *rest = args
    globals()[name](Tool(*rest))
