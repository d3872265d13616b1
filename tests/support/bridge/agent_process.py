# SPDX-License-Identifier: GPL-2.0-or-later
"""
The agent of a bridge, with a configuration of its own and, in place of our
command line, a program that prints its arguments and environment as JSON.

    python -m tests.support.bridge.agent_process CONFIG [ARGUMENT...]
"""

import os
import sys

from vdsm_backup import config
from vdsm_backup.bridge import agent

PRINT = (
    "import json, os, sys;"
    "print(json.dumps({'schema': 1, 'argv': sys.argv[1:],"
    " 'environ': dict(os.environ)}))"
)


def execve(path, argv, environ):
    assert path == argv[0] == agent.COMMAND
    # LC_CTYPE is what Python sets for itself.
    command = [sys.executable, "-IXutf8", "-c", PRINT, *argv[1:]]
    execve.real(sys.executable, command, environ)


execve.real = os.execve


if __name__ == "__main__":
    main_file = sys.argv[1]
    load = config.load
    agent.config.load = lambda: load(main_file)
    os.execve = execve
    # Who runs tests stands for root of a host.
    os.geteuid = lambda: 0
    agent.main(sys.argv[2:], os.environ)
