# SPDX-License-Identifier: GPL-2.0-or-later
"""
Saves a state, and is killed at one step of it after the other.

    python -m tests.support.bridge.killed_save DIRECTORY

A step is a call of the operating system that the save makes. For each one
the program forks a child that saves and is killed by SIGKILL before that call,
and another one that is killed in the middle of it, if it writes. It prints a
JSON list of [call, exit status, content of the file], the last one of a child
that was not killed.
"""

import json
import os
import signal
import sys

from vdsm_backup.bridge.state import Anchor, State
from vdsm_backup.bridge.state_file import StateFile
from vdsm_backup.processes import durable_files

OLD = State(epoch=1, anchor=Anchor(1, 1, 1))
NEW = State(epoch=2, anchor=Anchor(2, 2, 2))

CALLS = {"open", "write", "fsync", "close", "rename", "unlink"}


class Dying:
    """The module os, and the end of the process at one call of it."""

    def __init__(self, at, half):
        self._at = at
        self._half = half
        self.calls = []

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*args, **kwargs):
            self.calls.append(name)
            if len(self.calls) - 1 == self._at:
                if self._half and name == "write":
                    fd, data = args
                    os.write(fd, data[: len(data) // 2])
                print(name, file=sys.stderr, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call


def save(path, new, at=-1, half=False):
    """In a child. Returns its wait status and the call that was its last."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(writer, 2)
        os.close(reader)
        with StateFile(path) as file:
            durable_files.os = Dying(at, half)
            file.save(new)
        os._exit(0)
    os.close(writer)
    with open(reader) as f:
        call = f.read().strip()
    return os.waitpid(pid, 0)[1], call


def main():
    path = os.path.join(sys.argv[1], "state.json")
    told = []
    for half in (False, True):
        at, status = 0, None
        while status != 0:
            assert save(path, OLD) == (0, "")
            status, call = save(path, NEW, at, half)
            with open(path) as f:
                told.append([call, status, json.load(f)["epoch"]])
            at += 1
    # What is left does not disturb the next one.
    assert save(path, OLD) == (0, "")
    told.append(["left", 0, sorted(os.listdir(sys.argv[1]))])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
