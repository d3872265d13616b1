# SPDX-License-Identifier: GPL-2.0-or-later
"""
Root, who works as another user, as the command does, starts processes that
read storage. Says in JSON what the kernel says of each of them, by its name.

    python -m tests.support.processes.statuses BACKEND MOUNT SD WAY

WAY: python, or forked: how they are started.
"""

import contextlib
import json
import os
import socket
import sys

from tests.support.processes import proc
from tests.support.storage.filewriting import flagged_lines, storage_on
from vdsm_backup.change import write
from vdsm_backup.cli import changes
from vdsm_backup.processes import forks, scripts, spawn

NAMES = {
    "vdsm_backup.change.writer": "writer",
    "vdsm_backup.fileio.worker": "worker",
    "libexec/ioprocess": "ioprocess",
    "tests.support.processes.talker": "script",
    # As the holder of the lease.
    "tests.support.processes.ending": "root",
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


def main(backend, mount, sd_id, way):
    os.setgroups([36])
    os.setegid(36)
    os.seteuid(36)
    with contextlib.ExitStack() as stack:
        if way == "forked":
            stack.enter_context(forks.up(changes.USERS_TOO))
        change(backend, mount, sd_id)


def change(backend, mount, sd_id):
    found = {}
    script = scripts.Script("tests.support.processes.talker", "1", "hang")
    while not script.lines:
        script.read()
    root, theirs = socket.socketpair()
    fd = theirs.fileno()
    spawn.start(
        *("tests.support.processes.ending", [str(fd), "return"]),
        pass_fds=[fd],
        as_root=True,
    )
    root.recv(1)
    storage = storage_on(mount, backend, sd_id)
    old = storage.read()

    def look(step):
        if step == "commit":
            found.update(below())

    ours, _theirs = socket.socketpair()
    held = Held(ours.fileno())
    write.run(storage, old, flagged_lines(sd_id), held, 10, look)
    script.kill()
    root.send(b"x")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
