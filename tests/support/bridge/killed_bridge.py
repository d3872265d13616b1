# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge as a process, and SIGKILL for it before one of its steps.

    python -m tests.support.bridge.killed_bridge AT [ARGUMENT...]

A step is a call of the engine, of a host, or of the state file: whatever is
between two of them leaves nothing.
"""

import os
import signal
import sys

from vdsm_backup.bridge import command, engine, hosts, state_file

STEPS = {
    engine.Engine: ("events", "domains", "domain", "hosts", "tick", "tell"),
    hosts.Hosts: ("ask",),
    state_file.StateFile: ("save",),
}


def main():
    left = int(sys.argv.pop(1))

    def before(real):
        def call(*args, **kwargs):
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return real(*args, **kwargs)

        return call

    for kind, names in STEPS.items():
        for name in names:
            setattr(kind, name, before(getattr(kind, name)))
    command.run()


if __name__ == "__main__":
    main()
