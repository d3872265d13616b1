# SPDX-License-Identifier: GPL-2.0-or-later
"""
The tool's side of a write: starts the writer process, leads it through its
steps, and says what is known when it ends.

Where somebody without the lease wrote at the same time, overlap.py starts one
more writer, under the same lease.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Protocol

from vdsm_backup import errors
from vdsm_backup.change import overlap
from vdsm_backup.change.world import Unsettled
from vdsm_backup.processes import spawn
from vdsm_backup.processes.channel import Channel, Timeout
from vdsm_backup.storage.base import Overlapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vdsm_backup.storage.base import Storage

# A write is a few calls, each of which ends by the I/O timeout. This many of
# them may be slow before the writer is given up.
CALLS = 4


class Held(Protocol):
    """
    A lease of this host, as our own processes hold it.

    fd: keeps the lease, in each process that has it: see lease/connection.py.
    host_id: by which this host has it, if it is sanlock's.
    """

    @property
    def fd(self) -> int: ...

    @property
    def host_id(self) -> int | None: ...

    def check(self) -> None:
        """Raises LeaseLost if the lease is lost."""

    def is_certain(self) -> bool:
        """
        Whether no other host can have the lease so far, even if its loss has
        not been noticed yet.
        """


def run(
    storage: Storage,
    old: list[str] | None,
    new: list[str],
    held: Held,
    io_timeout: float,
    on_step: Callable[[str], None] = lambda name: None,
) -> list[str]:
    """
    Replace the lines `old` by `new` under a lease.

    io_timeout: seconds, for one call to storage.
    on_step: called with the name of each step of Writer.write().

    Returns and raises as Lease.write() in world.py.
    """

    def write_once(old: list[str] | None, new: list[str]) -> None:
        _run_writer(storage, old, new, held, io_timeout, on_step)

    return overlap.merging(write_once, storage, held, old, new)


def _run_writer(
    storage: Storage,
    old: list[str] | None,
    new: list[str],
    held: Held,
    io_timeout: float,
    on_step: Callable[[str], None],
) -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    with contextlib.closing(channel), theirs:
        fd = theirs.fileno()
        try:
            child = spawn.start(
                "vdsm_backup.change.writer", [str(fd)], pass_fds=[fd]
            )
        except OSError as e:
            reason = f"the writer process cannot be started: {e.strerror}"
            raise errors.WriteFailed(storage.sd_id, "start", reason)
        theirs.close()
        # Before it is told what to write. A writer that is gone is noticed
        # where we lead it.
        with contextlib.suppress(OSError):
            socket.send_fds(ours, [b"\0"], [held.fd])
        request = {
            "storage": storage.describe(),
            "old": old,
            "new": new,
        }
        try:
            _lead(channel, request, storage, held, io_timeout, on_step)
        except BaseException:
            # A writer that is stuck in the kernel ends when the kernel lets
            # it. It keeps the lease until then. One that cannot be killed,
            # since the fork server has ended, finishes its step under it.
            child.kill()
            raise
        child.wait()


def _lead(
    channel: Channel,
    request: dict[str, Any],
    storage: Storage,
    held: Held,
    io_timeout: float,
    on_step: Callable[[str], None],
) -> None:
    timeout = io_timeout * CALLS
    step = "start"
    committed = False
    with contextlib.suppress(OSError):
        channel.send(request)
    while True:
        try:
            message = channel.receive(timeout)
        except Timeout:
            what = errors.doing(step) if committed else "it"
            cause = f"{what} did not end within {timeout:g} seconds"
            raise _unfinished(storage, step, cause, committed)
        if message is None:
            cause = "the writer process was killed"
            raise _unfinished(storage, step, cause, committed)
        if "done" in message:
            return
        if "error" in message:
            error = errors.from_fields(**message["error"])
            if not committed or _wrote_nothing(error):
                raise error
            raise _after_commit(error, step, message["overlapped"])
        step = message["step"]
        on_step(step)
        if not committed:
            held.check()
            # If this cannot be sent, the writer has not been told to go on.
            with contextlib.suppress(OSError):
                channel.send({"go": True})
                committed = step == "commit"


def _after_commit(
    error: errors.Error, step: str, overlapped: dict[str, Any] | None
) -> Exception:
    """What is raised for an error of the writer after "commit"."""
    unsettled = _unsettled(error, step)
    if overlapped:
        # It was read back after it had been made durable.
        unsettled.durable = True
        return overlap.Overlap(unsettled, Overlapped(**overlapped))
    return unsettled


def _unsettled(error: errors.Error, step: str) -> Unsettled:
    """
    What an error after "commit" says of the write. step: the last one that
    the writer has named.
    """
    if isinstance(error, errors.WriteFailed):
        # Of all errors it alone says that the call came back, and that the
        # storage will not carry the call out later.
        cause = error.reason
        if error.step != "commit":
            cause = f"{error.doing} failed: {cause}"
        return Unsettled(cause, ended=True, failed=error.step == "commit")
    cause = str(error)
    if isinstance(error, errors.OutcomeUnknown):
        cause = error.reason
    # "confirm" comes when the call has come back without an error.
    return Unsettled(cause, ended=step == "confirm")


def _wrote_nothing(error: errors.Error) -> bool:
    """
    Whether the error says that nothing was written, also after "commit": see
    Writer.write().
    """
    if isinstance(error, errors.WriteFailed):
        return error.step not in ("commit", "confirm")
    return isinstance(error, errors.MetadataChanged)


def _unfinished(
    storage: Storage, step: str, cause: str, committed: bool
) -> Exception:
    if committed:
        return Unsettled(cause, ended=False)
    return errors.WriteFailed(storage.sd_id, step, cause)
