# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests run in place of the command, by the same product code:

    python3 -m tests.e2e.inside.as_tool stop SD REASON STEP
        A change that waits at a step of the write, until there is a new file
        /run/go-on.SD. Says "at STEP", then what became of it.
    python3 -m tests.e2e.inside.as_tool race SD NAME ROUNDS TIMEOUT
        Sets and clears at random: see tests/support/processes/racer.py.
        TIMEOUT: how many seconds one waits for the lease.
"""

import contextlib
import math
import os
import sys

from tests.support import attempts, configfile
from tests.support.processes import racer
from tests.support.waiting import wait_until
from vdsm_backup import config, errors
from vdsm_backup.change import change, write
from vdsm_backup.change.request import Request
from vdsm_backup.cli.wiring import HostWorld
from vdsm_backup.host.user import become_user, make_directories
from vdsm_backup.storage import discovery
from vdsm_backup.users import users

# No users are looked for that come later: nobody does, and it takes 3 seconds.
CONF = {"settle": 0}
TIMEOUT = 180

# Searches for a domain.
TRIES = 9

GO_ON = "/run/go-on."


class Stopping(HostWorld):
    def __init__(self, step, *args):
        super().__init__(*args)
        self._step = step

    def _write(self, held, old, new):
        def at(name):
            if name == self._step:
                print(f"at {name}", flush=True)
                path = GO_ON + self._storage.sd_id
                # Without a timeout: the host may be frozen meanwhile.
                wait_until(lambda: os.path.exists(path), math.inf, pause=0.2)

        timeout = self._options.io_timeout
        return write.run(self._storage, old, new, held, timeout, at)


class Unwatched(racer.Racing):
    """Looks for no users: that takes as long as all the rest."""

    def users(self):
        return users.Users()


def find(options, sd_id):
    """
    The search is not under test. Of several that begin at the same time, on a
    busy machine, one may get no answer in time: it searches again.
    """
    for _ in range(TRIES):
        with contextlib.suppress(errors.DomainUnseen):
            return discovery.Discovery(options).find(sd_id)[0]
    return discovery.Discovery(options).find(sd_id)[0]


def stop(options, sd_id, reason, step):
    storage = find(options, sd_id)
    attempt = attempts.begin(storage, "set", reason)
    world = Stopping(step, storage, options, None, lambda text: None, attempt)
    try:
        change.change(storage, Request("set", reason=reason), world)
        print("changed", flush=True)
    except errors.Error as e:
        print(e.name, e, flush=True)


def main(what, *args):
    # Of its own: another one may read its own just now.
    conf = f"/run/as-tool-{os.getpid()}.conf"
    timeout = TIMEOUT
    if what == "race":
        *args, timeout = args
    configfile.write(conf, timeout=timeout, **CONF)
    if what == "stop":
        with contextlib.suppress(FileNotFoundError):
            os.unlink(GO_ON + args[0])
    options = config.load(conf)
    make_directories(options)
    become_user(options)
    if what == "stop":
        stop(options, *args)
    else:
        sd_id, name, rounds = args
        racer.race(conf, sd_id, name, int(rounds), Unwatched)


if __name__ == "__main__":
    main(*sys.argv[1:])
