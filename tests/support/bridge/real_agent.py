# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent of a bridge with a configuration of its own, which becomes the real
command line with that configuration.

    python -m tests.support.bridge.real_agent CONFIG --name NAME

It becomes it in the same process: Python would start anew for each thing that
a bridge asks for. That the agent of a package executes the command is shown
by tests/integration/ansible_bridge_keys_test.py.

What a test needs beside what the agent gives it is in its environment.
"""

import os
import sys

from vdsm_backup import __main__, config
from vdsm_backup.bridge import agent

#: What sshd sets for us, and the command of a host needs no such thing.
KEPT = ("PYTHONPATH", "SANLOCK_RUN_DIR", "SANLOCK_PRIVILEGED")


def run(path, words, load, execve):
    """The agent, which executes the command; load, execve: the real ones."""

    def become(program, argv, environ):
        assert program == argv[0] == agent.COMMAND
        config.load, os.execve = load, execve
        ours = {k: os.environ[k] for k in KEPT if k in os.environ}
        os.environ.clear()
        os.environ.update({**environ, **ours})
        sys.argv[1:] = ["--config", path, *argv[1:]]
        __main__.run()

    config.load, os.execve = lambda: load(path), become
    agent.main(words, os.environ)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:], config.load, os.execve)
