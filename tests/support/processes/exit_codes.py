# SPDX-License-Identifier: GPL-2.0-or-later
"""
Programs of ours that run a command which fails, and say its exit code:

    python -m tests.support.processes.exit_codes cli    by their exit code
    python -m tests.support.processes.exit_codes hook   by their stderr
    python -m tests.support.processes.exit_codes child  by their stdout

The last one starts another process, as the command starts the worker, the
writer, the holder and the scripts; that one runs the command.
"""

import os
import subprocess
import sys

from vdsm_backup import errors
from vdsm_backup.cli import main as cli_main
from vdsm_backup.guard import host as guard_host
from vdsm_backup.hooks import answer, entry
from vdsm_backup.processes import spawn

CODE = 3


def fail():
    return subprocess.run(["sh", "-c", f"exit {CODE}"]).returncode


class Vm:
    """In place of a guard_host.GuardedVm that reads storage."""

    needs_nothing = False

    def __init__(self, *args):
        pass

    def verdict(self, *args):
        raise errors.VmUnclear(str(fail()))


def main(args):
    """As a child."""
    print(fail(), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "cli":
        cli_main.main = lambda argv, out, err: fail()
        cli_main.run()
    if sys.argv[1] == "hook":
        guard_host.GuardedVm = Vm
        guard_host.parse_vm = lambda xml: answer.domxml.Vm()
        answer.become_user = lambda options: None
        os.environ["_hook_domxml"] = __file__
        entry.vdsm("before_vm_start", os.devnull)
    child = spawn.start(
        "tests.support.processes.exit_codes", stdout=sys.stdout
    )
    child.wait()
