# SPDX-License-Identifier: GPL-2.0-or-later
"""
contrib/libexec/bridge-agent with another configuration, and with the command
line of another place.

    agent.py LIBRARY COMMAND CONFIG --name NAME
"""

import os
import sys

library, command, path, *arguments = sys.argv[1:]
sys.path.append(library)

from vdsm_backup.bridge import agent  # noqa: E402

load = agent.config.load
agent.config.load = lambda: load(path)
become = os.execve
os.execve = lambda _, argv, environ: become(
    command, [command, "--config", path, *argv[1:]], environ
)
agent.main(arguments, os.environ)
