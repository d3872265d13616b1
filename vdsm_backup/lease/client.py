# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of a domain, as the tool has it.

A holder process (holder.py) takes it and hands over the file descriptor of
its registration with sanlock. The lease lives as long as any process has that
descriptor: whoever writes must have inherited it (registration.py).
"""

import contextlib
import dataclasses
import os
import re
import socket
import time
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.lease import connection
from vdsm_backup.processes import spawn
from vdsm_backup.processes.channel import Channel, Timeout, receive_fd

# The holder gives up by itself at the timeout; this much later we no longer
# believe that it will.
_GRACE = 5

# Leaving takes sanlock a few seconds. A writer that is stuck can take any
# time; the holder waits for it, the user does not.
_LEAVE = 30

_UUID = re.compile(r"[0-9a-fA-F-]{36}")


@dataclass(frozen=True)
class Request:
    """
    Which lease, and how to get there. Sizes in bytes, times in seconds.

    ids, leases: the lockspace's file or LV and the one of the resources.
    offset: of the SDM resource in leases.
    host_id: to join with if this host is not in the lockspace.
    alone: refuse while another host of the lockspace may be alive.
    dump_uid, dump_gid: who may read ids, where root may not (NFS).
    """

    sd_id: str
    ids: str
    leases: str
    offset: int
    align: int
    sector: int
    host_id: int
    timeout: float
    run_dir: str
    alone: bool
    dump_uid: "int | None" = None
    dump_gid: "int | None" = None

    def __post_init__(self):
        # It names files in run_dir.
        if not _UUID.fullmatch(self.sd_id):
            raise ValueError(f"not a UUID: {self.sd_id!a}")


class Held:
    """
    fd: the registration, for the writer to inherit.
    host_id: by which this host is in the lockspace.
    """

    def __init__(self, sd_id, host_id, fd, channel):
        self._sd_id = sd_id
        self._channel = channel
        self.host_id = host_id
        self.fd = fd

    def check(self):
        """Raises LeaseLost. Never blocks."""
        if connection.ended(self.fd) or self._holder_spoke():
            raise errors.LeaseLost(self._sd_id)

    def _holder_spoke(self):
        # All that it can say now is that the lease was lost, or, by its end,
        # that nobody is left to react when sanlock loses the storage.
        try:
            self._channel.receive(timeout=0.001)
        except Timeout:
            return False
        return True


@contextlib.contextmanager
def take(request, progress):
    """
    The lease, as Held.

    Raises SanlockFailed, LeaseBusy, HostIdInUse, HostsLive, LeaseTimeout, or
    LeaseLost if the holder was killed.
    """
    with _Run(request, progress, "hold") as run:
        host_id = run.wait()
        fd = run.take_fd()
        try:
            yield Held(request.sd_id, host_id, fd, run.channel)
        finally:
            os.close(fd)


def tidy(request, progress):
    """
    Leave the lockspace if a holder that was killed has not, and no other one
    is at work: for runs that do not take the lease.
    """
    with _Run(request, progress, "tidy") as run:
        run.wait()


def require_daemon(sd_id, timeout, progress):
    """
    Raises SanlockFailed; LeaseTimeout if sanlock does not answer. For what
    comes before the lease: take() looks by itself.

    By a holder: the tool itself may not be allowed to talk to sanlock.
    """
    nothing = dict.fromkeys(("ids", "leases", "run_dir"), "")
    nothing.update(dict.fromkeys(("offset", "align", "sector", "host_id"), 0))
    request = Request(sd_id=sd_id, timeout=timeout, alone=False, **nothing)
    with _Run(request, progress, "probe") as run:
        run.wait()


class _Run:
    """One holder process."""

    def __init__(self, request, progress, task):
        self._request = request
        self._progress = progress
        self._task = task
        self._step = "starting"
        self._deadline = time.monotonic() + request.timeout + _GRACE
        self._control, control = socket.socketpair()
        self._handover, handover = socket.socketpair()
        self.channel = Channel(self._control)
        with control, handover:
            fds = [control.fileno(), handover.fileno()]
            self._process = spawn.start(
                "vdsm_backup.lease.holder",
                [str(fd) for fd in fds],
                pass_fds=fds,
                as_root=True,
            )
        message = {"request": dataclasses.asdict(request), "task": task}
        self.channel.send(message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """
        Let the holder clean up, and wait for it as long as that makes sense.
        """
        try:
            # What the holder takes for the end of the tool.
            self._control.shutdown(socket.SHUT_WR)
            self._wait_for_end()
        finally:
            self.channel.close()
            self._handover.close()

    def wait(self):
        """
        The host id by which the lease is held; None from a holder that had
        something else to do.
        """
        while True:
            message = self._receive(self._deadline)
            if message is None:
                return self._ended()
            if "error" in message:
                raise errors.from_fields(**message["error"])
            if "held" in message:
                return message["held"]
            if "writing" in message:
                return None
            self._step = message["progress"]
            self._progress(self._step)

    def take_fd(self):
        return receive_fd(self._handover)

    def _ended(self):
        status = self._process.wait()
        if status < 0:
            raise errors.LeaseLost(self._request.sd_id)
        if status or self._task == "hold":
            raise errors.InternalError("end of the holder", str(status))
        return None

    def _wait_for_end(self):
        deadline = time.monotonic() + _LEAVE
        while True:
            try:
                message = self._receive(deadline)
            except errors.LeaseTimeout:
                self._progress("not waiting any longer for sanlock to leave")
                return
            if message is None:
                self._process.wait()
                return
            if "writing" in message:
                self._progress("not waiting for the writer, which is stuck")
                return
            if "error" in message:
                error = errors.from_fields(**message["error"])
                self._progress(f"cleaning up failed: {error}")
            if "progress" in message:
                self._progress(message["progress"])

    def _receive(self, deadline):
        left = max(deadline - time.monotonic(), 0.001)
        try:
            return self.channel.receive(left)
        except Timeout:
            seconds = f"{self._request.timeout:g}"
            raise errors.LeaseTimeout(self._request.sd_id, seconds, self._step)
