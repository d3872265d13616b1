# SPDX-License-Identifier: GPL-2.0-or-later
"""
Root, who works as another user, as the command does, starts processes that
read storage. Says in JSON what the kernel says of each of them, by its name.

    python -m tests.support.processes.statuses BACKEND MOUNT SD
"""

import json
import os
import socket
import sys

from tests.support.processes import proc
from tests.support.storage.filewriting import flagged_lines, storage_on
from vdsm_backup.change import write
from vdsm_backup.processes import scripts

NAMES = {
    "vdsm_backup.change.writer": "writer",
    "vdsm_backup.fileio.worker": "worker",
    "libexec/ioprocess": "ioprocess",
    "tests.support.processes.talker": "script",
}


class Held:
    def __init__(self, fd):
        self.fd = fd

    def check(self):
        pass


def below():
    """{name: what the kernel says of the process}"""
    found = {}
    for pid in proc.children(os.getpid()):
        for word, name in NAMES.items():
            if word in proc.command(pid):
                found.setdefault(name, []).append(proc.status(pid))
    return found


def main(backend, mount, sd_id):
    os.setgroups([36])
    os.setegid(36)
    os.seteuid(36)
    found = {}
    script = scripts.Script("tests.support.processes.talker", "1", "hang")
    while not script.lines:
        script.read()
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()

    def look(step):
        if step == "commit":
            found.update(below())

    ours, _theirs = socket.socketpair()
    held = Held(ours.fileno())
    write.run(storage, old, flagged_lines(sd_id), held, 10, look)
    script.kill()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
