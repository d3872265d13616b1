# SPDX-License-Identifier: GPL-2.0-or-later
"""
The process of leasetool.Tool. Arguments, in JSON: request, child, die, euid.
It says in JSON what happens, and checks the lease for each line of its input.
"""

import json
import os
import subprocess
import sys

from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.processes import spawn


class Holders:
    """In place of spawn.start(): the holders that were started."""

    def __init__(self, die):
        self._die = die or []
        self._start = spawn.start
        self.started = []

    def start(self, module, argv, **options):
        if self._die:
            module = "tests.support.lease.dying_holder"
        child = self._start(module, [*argv, *self._die], **options)
        self.started.append(child)
        return child

    @property
    def pid(self):
        return self.started[0].pid


def say(**message):
    print(json.dumps(message), flush=True)


def writer(held):
    """Somebody who has the lease, too; the pid."""
    return subprocess.Popen(
        ["sleep", "1000"],
        stdin=held.fd,
        stdout=held.fd,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ).pid


def is_held(held):
    try:
        held.check()
    except errors.LeaseLost:
        return False
    return True


def main(request, child, die, euid):
    if euid is not None:
        os.seteuid(euid)
    holders = Holders(die)
    spawn.start = holders.start

    def progress(text):
        say(progress=text, holder=holders.pid)

    try:
        with client.take(LeaseRequest(**request), progress) as held:
            pid = writer(held) if child else None
            say(held=held.host_id, holder=holders.pid, child=pid)
            for _ in sys.stdin:
                say(check=is_held(held))
        say(done=True)
    except errors.Error as e:
        say(error=e.name, text=str(e), fields=e.fields())


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
