# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge as it is, until it is killed by SIGKILL right before one of its
steps (steps.py). It says before which one.

    python -m tests.support.bridge.dying_bridge NUMBER [ARGUMENT...]

NUMBER: how many steps it makes before.
"""

import itertools
import os
import signal
import sys

from tests.support.bridge import steps
from vdsm_backup.bridge import command, engine, hosts, state_file


def main():
    at, count = int(sys.argv.pop(1)), itertools.count()

    def before(name):
        if next(count) == at:
            print(f"killed before {name}", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    steps.each(engine.Engine, hosts.Hosts, state_file.StateFile, before)
    command.run()


if __name__ == "__main__":
    main()
