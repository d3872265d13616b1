# SPDX-License-Identifier: GPL-2.0-or-later
"""
The tool's side of a write: starts the writer, leads it through its steps, and
says what is known when it ends.
"""

import contextlib
import socket

from vdsm_backup import errors
from vdsm_backup.processes import spawn
from vdsm_backup.processes.channel import Channel, Timeout

# A write is a few calls, each of which ends by the I/O timeout; this many of
# them may be slow before the writer is given up.
CALLS = 4


class Unsettled(Exception):
    """
    The write began and did not end well: only a reader can tell the outcome.

    cause: why.
    ended: the call that writes has come back, so what is read now stays;
    otherwise it may still be on its way.
    failed: it came back with an error, so what is there now and is not new is
    as it was, or somebody else's.
    """

    def __init__(self, cause, ended, failed=False):
        super().__init__(cause)
        self.cause = cause
        self.ended = ended
        self.failed = failed


def run(storage, old, new, held, io_timeout, on_step=lambda name: None):
    """
    Replace the lines old by new under the lease `held`.

    Raises a class of errors if nothing was changed, Unsettled if that cannot
    be said.
    """
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    with contextlib.closing(channel), theirs:
        child = spawn.start(
            "vdsm_backup.change.writer",
            [str(theirs.fileno())],
            stdin=held.fd,
            stdout=held.fd,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        request = {
            "storage": storage.describe(),
            "old": old,
            "new": new,
        }
        try:
            _lead(channel, request, storage, held, io_timeout, on_step)
        except BaseException:
            # Stuck in the kernel it ends when the kernel lets it; it keeps
            # the lease until then, and does nothing more.
            child.kill()
            raise
        child.wait()


def _lead(channel, request, storage, held, io_timeout, on_step):
    timeout = io_timeout * CALLS
    step = "start"
    committed = False
    with contextlib.suppress(OSError):
        channel.send(request)
    while True:
        try:
            message = channel.receive(timeout)
        except Timeout:
            cause = f"{step} did not end within {timeout:g} seconds"
            raise _unfinished(storage, step, cause, committed)
        if message is None:
            cause = "the writer process was killed"
            raise _unfinished(storage, step, cause, committed)
        if "done" in message:
            return
        if "error" in message:
            error = errors.from_fields(**message["error"])
            if not committed or _before_the_call(error):
                raise error
            if isinstance(error, errors.OutcomeUnknown):
                raise Unsettled(error.reason, ended=False)
            # Of all errors only this one says that the call came back.
            ended = isinstance(error, errors.WriteFailed)
            failed = ended and error.step == "commit"
            raise Unsettled(str(error), ended, failed)
        step = message["step"]
        on_step(step)
        if not committed:
            held.check()
            # A word that cannot be sent was not heard.
            with contextlib.suppress(OSError):
                channel.send({"go": True})
                committed = step == "commit"


def _before_the_call(error):
    """Whether it says, also after "commit", that nothing was written."""
    if isinstance(error, errors.WriteFailed):
        return error.step not in ("commit", "confirm")
    return isinstance(error, errors.MetadataChanged)


def _unfinished(storage, step, cause, committed):
    if committed:
        return Unsettled(cause, ended=False)
    return errors.WriteFailed(storage.sd_id, step, cause)
