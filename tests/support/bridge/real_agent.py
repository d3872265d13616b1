# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent of a bridge with a configuration of its own, which becomes the real
command line with that configuration.

    python -m tests.support.bridge.real_agent CONFIG --name NAME

What a test needs beside what the agent gives it is in its environment.
"""

import os
import sys

from vdsm_backup import config
from vdsm_backup.bridge import agent

#: What sshd sets for us, and the command of a host needs no such thing.
KEPT = ("PYTHONPATH", "SANLOCK_RUN_DIR", "SANLOCK_PRIVILEGED")


def execve(path, argv, environ):
    assert path == argv[0] == agent.COMMAND
    ours = {k: os.environ[k] for k in KEPT if k in os.environ}
    words = ["-m", "vdsm_backup", "--config", sys.argv[1], *argv[1:]]
    execve.real(
        sys.executable,
        [sys.executable, *words],
        {**environ, **ours},
    )


execve.real = os.execve


if __name__ == "__main__":
    load = config.load
    agent.config.load = lambda: load(sys.argv[1])
    os.execve = execve
    agent.main(sys.argv[2:], os.environ)
