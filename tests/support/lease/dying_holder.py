# SPDX-License-Identifier: GPL-2.0-or-later
"""
A holder that is killed at one point: before or after its first call of
something. Arguments: those of the holder, what, "before" or "after".
"""

import os
import signal
import socket

import sanlock

from vdsm_backup.lease import holder
from vdsm_backup.processes.records import Record

OWNERS = {
    "write": Record,
    "remove": Record,
    "send_fds": socket,
}


def _die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(call, when):
    def before(*args, **options):
        _die()

    def after(*args, **options):
        call(*args, **options)
        _die()

    return {"before": before, "after": after}[when]


def main(args):
    *rest, what, when = args
    owner = OWNERS.get(what, sanlock)
    setattr(owner, what, _deadly(getattr(owner, what), when))
    holder.main(rest)
