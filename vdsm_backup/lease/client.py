# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of a domain, as the tool has it.

A holder process (holder.py) takes the lease, and hands over the file
descriptor of its connection to sanlock. The lease lives as long as any
process has that descriptor, so whoever writes must have inherited it
(connection.py).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

from vdsm_backup import errors
from vdsm_backup.lease import connection
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.processes import spawn
from vdsm_backup.processes.channel import Channel, Timeout, receive_fd

# Seconds. The holder gives up by itself at the timeout. If it has not done so
# this much later, we give up waiting for the holder.
_GRACE = 5

# Seconds. Leaving takes sanlock a few of them. A writer that is stuck can take
# any time; the holder waits for the writer, the user does not.
_LEAVE = 30

# Seconds. No other host gets the lease of a host that stands still before
# these have passed since its last renewal, and 8 I/O timeouts more:
# calc_host_dead_seconds() in sanlock's src/timeouts.c.
_CERTAIN = 60


class Held:
    """
    A lease that we have, or had.

    fd: of the connection that owns the lease, for the writer to inherit.
    host_id: by which this host is in the lockspace.
    """

    fd: int
    host_id: int | None

    def __init__(
        self,
        sd_id: str,
        host_id: int | None,
        fd: int,
        channel: Channel,
        taken_at: float,
    ) -> None:
        """taken_at: when the holder began to take it, as now() tells."""
        self._taken_at = taken_at
        self._sd_id = sd_id
        self._channel = channel
        self.host_id = host_id
        self.fd = fd

    def check(self) -> None:
        """Raises LeaseLost if the lease was lost. Never blocks."""
        if connection.ended(self.fd) or self._holder_spoke():
            raise errors.LeaseLost(self._sd_id)

    def is_certain(self) -> bool:
        """
        Whether no other host can have the lease so far, even if this host
        stood still and has not noticed yet that the lease has expired.
        """
        return now() - self._taken_at < _CERTAIN

    def _holder_spoke(self) -> bool:
        # All that the holder can say now is that the lease was lost. If it has
        # ended, nobody is left to react when sanlock loses the storage.
        try:
            self._channel.receive(timeout=0.001)
        except Timeout:
            return False
        return True


def now() -> float:
    """Seconds, of a clock that goes on while this host is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@contextlib.contextmanager
def take(
    request: LeaseRequest, progress: Callable[[str], None]
) -> Iterator[Held]:
    """
    The lease, for the body.

    progress: called with a text for the user at each step.

    Raises SanlockFailed, LeaseBusy, HostIdInUse, HostsLive, VdsmRunning,
    LeaseTimeout, AmbiguousDomain by the request's same_storage, or LeaseLost
    if the holder was killed.
    """
    with _HolderProcess(request, progress, "hold") as holder:
        host_id = holder.wait()
        fd = holder.take_fd()
        try:
            yield Held(
                *(request.sd_id, host_id, fd, holder.channel, holder.taken_at)
            )
        finally:
            os.close(fd)


def tidy(request: LeaseRequest, progress: Callable[[str], None]) -> None:
    """
    Leave the lockspace if a holder that was killed has not left it, and no
    other holder is at work: for runs that do not take the lease.

    Raises SanlockFailed, LeaseTimeout.
    """
    with _HolderProcess(request, progress, "tidy") as holder:
        holder.wait()


def require_daemon(
    sd_id: str, timeout: float, progress: Callable[[str], None]
) -> None:
    """
    Call this before preparing anything for the lease. take() checks by
    itself. A holder asks sanlock, since the tool may not be allowed to.

    Raises SanlockFailed if sanlock does not run or cannot be used;
    LeaseTimeout if it does not answer.
    """
    request = LeaseRequest.without_storage(sd_id, timeout)
    with _HolderProcess(request, progress, "probe") as holder:
        holder.wait()


class _HolderProcess:
    """
    One holder, from its start until it has ended or is left to itself.

    task: see holder.py.
    """

    def __init__(
        self, request: LeaseRequest, progress: Callable[[str], None], task: str
    ) -> None:
        self._request = request
        self._progress = progress
        self._note = request.note or progress
        self._task = task
        self._step = "starting"
        self._deadline = time.monotonic() + request.timeout + _GRACE
        #: When the holder began to take the lease.
        self.taken_at = 0.0
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
        message = {"request": request.fields(), "task": task}
        self.channel.send(message)

    def __enter__(self) -> _HolderProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """
        Let the holder clean up, and wait for it as long as that makes sense.
        """
        try:
            # A descriptor that nobody has taken, since we were interrupted,
            # would look to the holder as if a writer had it.
            self._handover.close()
            # The holder takes this for the end of the tool.
            self._control.shutdown(socket.SHUT_WR)
            self._wait_for_end()
        except KeyboardInterrupt:
            self._note(
                "interrupted while this host left the lockspace of the domain:"
                f" process {self._process.pid} of this command goes on with it"
            )
            raise
        finally:
            self.channel.close()

    def wait(self) -> int | None:
        """
        Wait until the holder has done its task. Returns the host id by which
        the lease is held, or None if the task was another one.

        Raises what the holder raised; LeaseTimeout if it says nothing in
        time; LeaseLost if it was killed; InternalError if it broke.
        """
        while True:
            message = self._receive(self._deadline)
            if message is None:
                self._require_done()
                return None
            if "error" in message:
                raise errors.from_fields(**message["error"])
            if "held" in message:
                self.taken_at = message["taken_at"]
                return message["held"]
            if "writing" in message:
                return None
            self._step = message["progress"]
            self._progress(self._step)

    def take_fd(self) -> int:
        """The descriptor that the holder hands over, to be closed by us."""
        return receive_fd(self._handover)

    def _require_done(self) -> None:
        """The holder has ended: was that all right?"""
        status = self._process.wait()
        if status < 0:
            raise errors.LeaseLost(self._request.sd_id)
        if status or self._task == "hold":
            raise errors.InternalError("end of the holder", str(status))

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + _LEAVE
        while True:
            try:
                message = self._receive(deadline)
            except errors.LeaseTimeout:
                self._note(
                    "sanlock has not left the lockspace of the domain within"
                    f" {_LEAVE} seconds: until it has, VDSM of this host"
                    f" cannot join; process {self._process.pid} of this"
                    " command goes on trying"
                )
                return
            if message is None:
                self._note_death(self._process.wait())
                return
            if "writing" in message:
                self._note(
                    "the writer is stuck and keeps the SDM lease until the"
                    " storage lets it end: if this host had joined the"
                    " lockspace for the change, it stays in it until then, and"
                    f" VDSM of this host cannot join; process"
                    f" {self._process.pid} of this command waits for it"
                )
                return
            if "error" in message:
                error = errors.from_fields(**message["error"])
                self._note(f"cleaning up after the lease failed: {error}")
            if "progress" in message:
                self._progress(message["progress"])

    def _note_death(self, status: int) -> None:
        """Note it if a holder has ended before it was done."""
        if status and self._task != "probe":
            self._note(
                "the process that holds the lease was killed, or broke, before"
                " its end: this host may still be in the lockspace of the"
                " domain, and then VDSM of this host cannot join until the"
                " next change of the domain leaves it"
            )

    def _receive(self, deadline: float) -> dict[str, Any] | None:
        left = max(deadline - time.monotonic(), 0.001)
        try:
            return self.channel.receive(left)
        except Timeout:
            seconds = f"{self._request.timeout:g}"
            raise errors.LeaseTimeout(self._request.sd_id, seconds, self._step)
