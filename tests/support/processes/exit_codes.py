# SPDX-License-Identifier: GPL-2.0-or-later
"""
Programs of ours that run a command which fails, and say its exit code:

    python -m tests.support.processes.exit_codes cli    by their exit code
    python -m tests.support.processes.exit_codes hook   by their stderr
    python -m tests.support.processes.exit_codes child  by their stdout

The last one starts another process, as the command starts the worker, the
writer, the holder and the scripts; that one runs the command.
"""

import subprocess
import sys

from vdsm_backup.cli import main as cli_main
from vdsm_backup.hooks import entry
from vdsm_backup.processes import spawn

CODE = 3


def fail():
    return subprocess.run(["sh", "-c", f"exit {CODE}"]).returncode


def main(args):
    """As a child."""
    print(fail(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "cli":
        cli_main.main = lambda argv, out, err: fail()
        cli_main.run()
    if sys.argv[1] == "hook":
        entry._run(lambda started: (False, str(fail())))
    child = spawn.start(
        "tests.support.processes.exit_codes", stdout=sys.stdout
    )
    child.wait()
