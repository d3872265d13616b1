# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests run in place of the command, by the same product code:

    python3 -m tests.e2e.inside.as_tool stop SD REASON STEP
        A change that waits at a step of the write, until there is a file
        /run/go-on.SD. Says "at STEP", then what became of it.
    python3 -m tests.e2e.inside.as_tool victim SD REASON TARGET STEP SIGNAL
        One of its processes gets a signal: see tests/support/victim.py.
    python3 -m tests.e2e.inside.as_tool race SD NAME ROUNDS
        Sets and clears at random: see tests/support/racer.py.
"""

import os
import sys
import time

from tests.support import racer, victim
from vdsm_backup import change, config, discovery, errors, privileges, write
from vdsm_backup.cli.wiring import Wiring

# No look for users that come later: nobody does, and it takes 3 seconds.
CONF = "/run/as-tool.conf"


class Stopping(Wiring):
    def __init__(self, step, *args):
        super().__init__(*args)
        self._step = step

    def _write(self, storage, old, new, held):
        def at(name):
            if name == self._step:
                print(f"at {name}", flush=True)
                while not os.path.exists(f"/run/go-on.{storage.sd_id}"):
                    time.sleep(0.2)

        timeout = self._options.io_timeout
        write.run(storage, old, new, held, timeout, at)


def stop(sd_id, reason, step):
    options = config.load(CONF)
    storage, _ = discovery.Discovery(options).find(sd_id)
    tools = Stopping(step, options, None, lambda text: None).tools(storage)
    try:
        change.change(storage, change.Request("set", reason=reason), tools)
        print("changed", flush=True)
    except errors.Error as e:
        print(e.name, e, flush=True)


def main(what, *args):
    with open(CONF, "w") as f:
        f.write("[sanlock]\nsettle = 0\n")
    options = config.load(CONF)
    privileges.make_directories(options)
    privileges.become_user(options)
    if what == "stop":
        stop(*args)
    elif what == "victim":
        victim.main(CONF, *args)
    else:
        sd_id, name, rounds = args
        racer.race(CONF, sd_id, name, int(rounds))


if __name__ == "__main__":
    main(*sys.argv[1:])
