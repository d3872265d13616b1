# SPDX-License-Identifier: GPL-2.0-or-later
"""
A tool that kills itself at a step of the write:

    python -m tests.support.processes.dying_tool MOUNT SD BACKEND STEP FD

FD: of the lease that it has. Its input: the old and the new lines, in JSON.
"""

import json
import os
import signal
import sys

from tests.support.waiting import RUNS_OUT
from vdsm_backup.change import write
from vdsm_backup.fileio import choose
from vdsm_backup.storage.file import FileStorage


class Held:
    def __init__(self, fd):
        self.fd = fd

    def check(self):
        pass

    def is_certain(self):
        return True


def main(mount, sd_id, backend, step, fd):
    old, new = json.load(sys.stdin)
    io = choose.open(backend, mount, RUNS_OUT)
    storage = FileStorage(sd_id, os.path.join(mount, sd_id), io, RUNS_OUT)

    def die(name):
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    write.run(storage, old, new, Held(int(fd)), RUNS_OUT, die)


if __name__ == "__main__":
    main(*sys.argv[1:])
