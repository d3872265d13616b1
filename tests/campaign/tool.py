# SPDX-License-Identifier: GPL-2.0-or-later
"""
The command, in a process that is forked from ours, since python needs longer
to start than a change takes. It says each step, and waits until it may go on:

    <- {"step": NAME, "number": N}   -> {"number": N, "lost": BOOLEAN}
    <- {"exit": CODE, "out": TEXT, "err": TEXT}

lost: the stand-in lease is lost from now on.
"""

import contextlib
import functools
import io
import mmap
import os
import signal
import socket

# They would be imported in each fork.
import vdsm_backup.cli.restore
import vdsm_backup.cli.set
import vdsm_backup.storage.discovery  # noqa: F401
from tests.support.lease.socketlease import SocketLease
from vdsm_backup.change import write
from vdsm_backup.cli import main, wiring
from vdsm_backup.processes.channel import Channel
from vdsm_backup.users.users import Users


class Lease(SocketLease):
    """Of the command, which holds it; its parent only watches."""

    def __init__(self):
        super().__init__()
        # Seen in the other process at once.
        self._expired = mmap.mmap(-1, 1)

    def expire(self):
        """Another host may have it, and the tool is not told."""
        self._expired[0] = 1

    def is_certain(self):
        return not self._expired[0]

    def only_hold(self):
        self._watch.close()


class Tool:
    """
    A command that runs. lease: a Lease, or None for sanlock's.
    undo: a user comes while the flag is set.
    """

    def __init__(self, args, lease=None, undo=False):
        ours, theirs = socket.socketpair()
        self.pid = os.fork()
        if not self.pid:
            try:
                ours.close()
                _run(Channel(theirs), args, lease, undo)
            finally:
                os._exit(70)
        theirs.close()
        if lease:
            lease.release()
        self.channel = Channel(ours)

    def close(self):
        """Its exit code, or None if it was killed."""
        self.channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class _Steps:
    def __init__(self, channel, lease):
        self._channel = channel
        self._lease = lease
        self._number = 0

    def __call__(self, name):
        self._number += 1
        number = self._number
        # An interrupt must not cut a line off.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        self._channel.send({"step": name, "number": number})
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        while True:
            said = self._channel.receive()
            if said is None:
                os._exit(71)
            if self._lease and said["lost"]:
                self._lease.lost = True
            # An interrupt may have kept us from hearing an older one.
            if said["number"] >= number:
                return


def _run(channel, args, lease, undo):
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if lease:
        lease.only_hold()
    steps = _Steps(channel, lease)
    write.run = _stepping(write.run, steps)
    wiring.HostWorld = _world(wiring.HostWorld, steps, lease, undo)
    out, err = io.StringIO(), io.StringIO()
    code = None
    try:
        steps("begin")
        code = main.main(["--json", *args], out, err)
    except KeyboardInterrupt:
        # In the moment before main(), or after it.
        pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    said = {"out": out.getvalue(), "err": err.getvalue()}
    channel.send({"exit": code if code is None else int(code), **said})
    os._exit(0)


def _stepping(run, steps):
    before = []

    def stepping_run(storage, old, new, held, timeout, on_step):
        prefix = "undo " if before else ""
        before.append(storage)

        def at_step(name):
            on_step(name)
            steps(prefix + name)

        written = run(storage, old, new, held, timeout, at_step)
        if not prefix:
            steps("written")
        return written

    return stepping_run


def _world(base, steps, lease, undo):
    class World(base):
        _looks = 0

        @contextlib.contextmanager
        def lease(self, values):
            with contextlib.ExitStack() as stack:
                if lease:
                    held = wiring._Lease(functools.partial(self._write, lease))
                else:
                    held = stack.enter_context(super().lease(values))
                steps("leased")
                yield held
            steps("released")

        def users(self):
            if not lease:
                return super().users()
            World._looks += 1
            in_use = undo and World._looks > 1
            return Users(["a VM of the case"] if in_use else [], [], [])

    return World
