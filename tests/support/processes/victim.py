# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real tool, in which one of its processes is killed at a step of the write.

    python -m tests.support.processes.victim CONFIG SD REASON TARGET STEP \\
        [SIGNAL [ACTION]]

ACTION: set, or reseal. TARGET: tool, fork server, holder, writer, worker, or
lvm. The worker and lvm run below the writer; they are hit as soon as they are
there after the step.
"""

import os
import signal
import sys
import threading

from tests.support import attempts
from tests.support.processes import proc
from tests.support.waiting import wait_until
from vdsm_backup import config, errors
from vdsm_backup.change import change, reseal, write
from vdsm_backup.change.request import Request
from vdsm_backup.cli import changes
from vdsm_backup.cli.wiring import HostWorld
from vdsm_backup.processes import forks
from vdsm_backup.storage import discovery

WORDS = {
    "fork server": ("vdsm_backup.processes.fork_server",),
    "holder": ("vdsm_backup.lease.holder",),
    "writer": ("vdsm_backup.change.writer",),
    "worker": ("vdsm_backup.fileio.worker", "libexec/ioprocess"),
    "lvm": ("vgchange",),
}


class Victim(HostWorld):
    def __init__(self, target, step, number, *args):
        super().__init__(*args)
        self._target = target
        self._step = step
        self._number = number

    def _write(self, held, old, new):
        timeout = self._options.io_timeout
        return write.run(
            *(self._storage, old, new, held, timeout), self._at_step
        )

    def _at_step(self, name):
        if name != self._step:
            return
        if self._target == "tool":
            os.kill(os.getpid(), self._number)
        elif self._target == "lvm":
            # It is started after the word that it waits for now.
            threading.Thread(target=self._hit).start()
        else:
            self._hit()

    def _hit(self):
        above = os.getpid()
        if self._target in ("worker", "lvm"):
            above = proc.find(above, *WORDS["writer"])[0]
        words = WORDS[self._target]
        try:
            # At once: it may end by itself, and is not met then.
            found = wait_until(lambda: proc.find(above, *words), 5, pause=0)
        except AssertionError:
            return
        proc.kill(found, self._number)
        if self._number == signal.SIGKILL:
            wait_until(lambda: not any(map(proc.alive, found)))
        print("hit", flush=True)


def main(
    conf, sd_id, reason, target, step, number=signal.SIGKILL, action="set"
):
    options = config.load(conf)
    with forks.up(changes.USERS_TOO):
        change_with_victim(
            *(options, sd_id, reason, target, step, int(number), action)
        )


def change_with_victim(options, sd_id, reason, target, step, number, action):
    storage, _ = discovery.Discovery(options).find(sd_id)
    world = Victim(
        target,
        step,
        number,
        storage,
        options,
        None,
        lambda text: None,
        attempts.begin(storage, action, reason),
    )
    request = Request(action, reason=reason)
    make = reseal.reseal if action == "reseal" else change.change
    try:
        make(storage, request, world)
        print("changed", flush=True)
    except errors.Error as e:
        print(e.name, e, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
