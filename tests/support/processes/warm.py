# SPDX-License-Identifier: GPL-2.0-or-later
"""
Children of commands that a test runs in its own process: forks of a warm
interpreter, as those of a change are (forks.py). Otherwise each of these
commands starts Python once or more, which takes far more time than all that
the tests of what a command says are about. How a command starts its children
as a process of its own is what testhost.Host.process() shows.

The interpreter stays for the next command of a module of tests, as long as
that would give its children the same to inherit.
"""

import contextlib
import os
import sys

from vdsm_backup.cli import changes
from vdsm_backup.processes import forks, spawn

MODULES = (
    *changes.USERS_TOO,
    "vdsm_backup.processes.fork_server",
    "vdsm_backup.verify.inspect_directories",
    "vdsm_backup.verify.inspect_domain",
    "vdsm_backup.vm.resolve_links",
)

# Says which test runs, which no child asks for.
_OF_PYTEST = "PYTEST_CURRENT_TEST"


class _Interpreter:
    def __init__(self):
        self.inherited = None
        self._stack = contextlib.ExitStack()
        self._start = None

    def start(self, inherited):
        """What takes the place of spawn.start()."""
        if self.inherited != inherited:
            self._stack.close()
            before = spawn.warm
            self._stack.enter_context(forks.up(MODULES))
            self._start, spawn.warm = spawn.warm, before
            self.inherited = inherited
        return self._start

    def end(self):
        self.inherited = None
        self._stack.close()


_interpreter = _Interpreter()
end = _interpreter.end


def _inherited():
    """What a child has of us, but for open files."""
    environ = {k: v for k, v in os.environ.items() if k != _OF_PYTEST}
    umask = os.umask(0)
    os.umask(umask)
    users = os.getresuid(), os.getresgid(), os.getgroups()
    return os.getpid(), environ, umask, users, list(sys.path)


@contextlib.contextmanager
def children():
    """A context in which spawn.start() gives such children."""
    start = _interpreter.start(_inherited())
    before, spawn.warm = spawn.warm, start
    try:
        yield
    finally:
        spawn.warm = before
