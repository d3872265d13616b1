# SPDX-License-Identifier: GPL-2.0-or-later
"""
Looks that may hang, each in a child process: lines until a deadline.

A call into libvirt, or an open() on a mount that is stuck, cannot be given
up from inside its process. The child writes one JSON object a line; what it
has said when the time is over counts, then it is killed and never waited for:
a process in the kernel's hands ends when the storage answers, not before.

A child has none of our files but these three, and what it is given: a look
must never keep a sanlock registration, and with it a lease, alive.
"""

import json
import os
import selectors
import subprocess
import time

from vdsm_backup.processes import identity, spawn, stuck

# Long enough for the end of a process that is not stuck.
_REAP = 0.2


class Child:
    """
    A module of ours, whose main(args) looks; nothing from the environment of
    the caller.

    pass_fds: file descriptors that it inherits, by the same numbers.
    lines: what it has said.
    ended: it said all it had to say, or it died.
    """

    def __init__(self, module, *args, pass_fds=()):
        self.lines = []
        self.ended = False
        self._rest = b""
        self._process = subprocess.Popen(
            spawn.command(module, *args),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=pass_fds,
            cwd="/",
            # libvirt refuses to load where the real and effective user differ
            # (src/libvirt.c, virGlobalInit).
            **identity.effective(),
        )

    @property
    def stdout(self):
        return self._process.stdout

    def read(self):
        """What is there to read now; at the end sets `ended`."""
        data = os.read(self.stdout.fileno(), 64 * 1024)
        self.ended = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        self.lines.extend(json.loads(line) for line in whole)

    def abandon(self):
        self._process.kill()
        self.stdout.close()
        try:
            self._process.wait(_REAP)
        except subprocess.TimeoutExpired:
            stuck.leave(self._process)


def run(children, timeout):
    """Reads from all until they have ended or `timeout` seconds are over."""
    deadline = time.monotonic() + timeout
    try:
        _read_all(children, deadline)
    finally:
        for child in children:
            child.abandon()


def _read_all(children, deadline):
    with selectors.DefaultSelector() as selector:
        for child in children:
            selector.register(child.stdout, selectors.EVENT_READ, child)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            for key, _ in selector.select(left):
                key.data.read()
                if key.data.ended:
                    selector.unregister(key.fileobj)
