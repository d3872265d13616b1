# SPDX-License-Identifier: GPL-2.0-or-later
"""
A tool that takes the lease, in a process that can be killed.

    leasetool.Tool(host, request)               take it, keep it until done()
    leasetool.Tool(host, request, child=True)   start a writer with it, which
                                                lives until somebody kills it
    leasetool.Tool(host, request, die=(what, when))
        the holder is killed before or after it calls `what`, see
        dying_holder.py
"""

import contextlib
import json
import os
import signal

from tests.support import rundir
from tests.support.closing import Closing
from tests.support.processes import proc


class Tool(Closing):
    def __init__(self, host, request, child=False, die=None, euid=None):
        args = [request._asdict(), child, die, euid]
        self._process = host.start(
            "tests.support.lease.taker", json.dumps(args)
        )
        self.pid = self._process.pid
        self.holder = None
        self.child = None
        self._child_started = None
        self.progress = []

    def close(self):
        # A writer that was left is of no use to anybody, and no holder would
        # end before it.
        self._process.kill()
        if self.child:
            proc.kill_recorded(self.child, self._child_started)
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def read(self):
        """The next thing that it says, or None at its end."""
        line = self._process.stdout.readline()
        if not line:
            return None
        said = json.loads(line)
        self.holder = said.get("holder", self.holder)
        if said.get("child"):
            self.child = said["child"]
            with contextlib.suppress(FileNotFoundError):
                self._child_started = rundir.start_time(self.child)
        if "progress" in said:
            self.progress.append(said["progress"])
        return said

    def read_until(self, *keys):
        """The first thing with one of the keys, or None at its end."""
        while True:
            said = self.read()
            if said is None or any(key in said for key in keys):
                return said

    def held(self):
        said = self.read_until("held", "error")
        assert said and "held" in said, said
        return said["held"]

    def check(self):
        self._process.stdin.write("check\n")
        self._process.stdin.flush()
        return self.read_until("check")["check"]

    def done(self):
        """Let it end, and wait."""
        self._process.stdin.close()
        assert self.read_until("done", "error") == {"done": True}

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
