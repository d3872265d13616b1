# SPDX-License-Identifier: GPL-2.0-or-later
"""
The process that takes the SDM lease, and cleans up after it.

It touches no shared storage itself, so it never hangs. It ends only when
nobody has the lease any more, and before that it leaves the lockspace, if it
had joined. connection.py tells how long the lease lives; membership.py and
processes/records.py tell what happens if this process is killed.

The tool starts it (client.py), with two sockets. Over the first one:

    tool -> {"request": {...}, "task": TASK}, and nothing more but its end
    <- {"progress": TEXT}
    <- {"held": HOST ID, "taken_at": SECONDS}
                           the lease is taken; the descriptor of its connection
                           comes over the second socket
    <- {"lost": true}      the lease was held, and is lost
    <- {"error": {"code": N, "fields": {...}}}
    <- {"writing": true}   the tool is done, but somebody still has the lease

TASK is "hold", to take the lease; "tidy", to clean up after a holder that was
killed; or "probe", to ask whether sanlock can be used at all.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence

from vdsm_backup import errors
from vdsm_backup.lease import client
from vdsm_backup.lease.connection import Registration
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lease.watch import Watch
from vdsm_backup.processes.channel import Channel, ToolGone

try:
    import sanlock

    from vdsm_backup.lease import lockspace
    from vdsm_backup.lease.membership import Membership
except ImportError as e:
    sanlock = None
    _missing = str(e)

# Seconds between two checks of the connection, the first pause between two
# looks at who has it, and between two tries to take the lease.
_POLL = 0.2
_FIRST_POLL = 0.005
_LEASE_POLL = 1

# Seconds. A process that is killed takes a moment to end; the tool is told of
# one that is still there after this time.
_LINGER = 1


class Holder:
    """
    The tasks. Each is a method, and end() comes after each.

    handover: the socket for the descriptor of the connection.
    """

    def __init__(
        self,
        request: LeaseRequest,
        watch: Watch,
        handover: socket.socket,
    ) -> None:
        self._request = request
        self._watch = watch
        self._handover = handover
        self._space = lockspace.Lockspace(request)
        self._membership = Membership(request, self._space, watch)
        self._registration: Registration | None = None
        self._taken_at = 0.0

    def probe(self) -> None:
        """Raises SanlockFailed if sanlock does not run."""
        with lockspace.failing("be used"):
            self._watch.run(self._space.joined)

    def hold(self) -> None:
        """
        Take the lease, and keep it until it is lost. Raises ToolGone when the
        tool is done.
        """
        self.probe()
        self._membership.lock()
        self._membership.join()
        self._membership.require_same_storage()
        if self._request.require_alone:
            self._membership.require_alone()
        registration = self._acquire()
        self._hand_over(registration)
        self._stay(registration)

    def tidy(self) -> None:
        """Adopt what a killed holder left; end() leaves it then."""
        self._membership.adopt_left_behind()

    def end(self) -> None:
        """Leave nothing behind, however long it takes."""
        if self._registration:
            self._outlive_writer(self._registration)
            self._registration.close()
        self._membership.leave()

    def _acquire(self) -> Registration:
        self._watch.step("taking the SDM lease")
        with lockspace.failing("register a process"):
            registration = Registration(self._watch.run(sanlock.register))
        self._registration = registration
        fd = registration.fileno()
        late = None
        while True:
            self._taken_at = client.now()
            try:
                self._watch.run(
                    lambda: self._space.acquire(fd),
                    late=late,
                    abort=registration.hang_up,
                )
                return registration
            except sanlock.SanlockException as e:
                late = errors.LeaseBusy(self._request.sd_id, self._owner(e))
            self._watch.step(f"waiting for the SDM lease of {late.owner}")
            self._watch.pause(_LEASE_POLL, late)

    def _owner(self, e: sanlock.SanlockException) -> str:
        """
        Who has the lease that could not be taken. Raises SanlockFailed if it
        failed for another reason.
        """
        if e.errno in lockspace.THIS_HOST_HAS_IT:
            return f"host id {self._membership.host_id} (this host)"
        if e.errno not in lockspace.OTHER_HOST_HAS_IT:
            reason = lockspace.why_not_acquired(e)
            raise errors.SanlockFailed("take the SDM lease", reason)
        with lockspace.failing("read the owner of the SDM lease"):
            owners = self._watch.run(self._space.owners)
        # None: it was given back meanwhile.
        if not owners:
            return "another host"
        return f"host id {lockspace.numbers(owners)}"

    def _hand_over(self, registration: Registration) -> None:
        fd = registration.fileno()
        # A tool that is gone is noticed in _stay().
        with contextlib.suppress(OSError):
            socket.send_fds(self._handover, [b"\0"], [fd])
        host_id, taken_at = self._membership.host_id, self._taken_at
        self._watch.tell({"held": host_id, "taken_at": taken_at})

    def _stay(self, registration: Registration) -> None:
        while not registration.lost():
            self._watch.listen(_POLL)
        self._watch.tell({"lost": True})

    def _outlive_writer(self, registration: Registration) -> None:
        """
        Wait until nobody else has the connection, also after the lease was
        lost: our lock keeps this host from a second change while somebody may
        still write.
        """
        told = False
        since = time.monotonic()
        # A writer that is done takes a moment to end.
        pause = _FIRST_POLL
        while registration.shared():
            if registration.lost():
                registration.hang_up()
            if not told and time.monotonic() > since + _LINGER:
                self._watch.tell({"writing": True})
                told = True
            time.sleep(pause)
            pause = min(pause * 2, _POLL)


def main(args: Sequence[str]) -> None:
    """args: descriptors of the two sockets."""
    serve(args)
    # Threads may be left in calls that never come back.
    os._exit(0)


def serve(args: Sequence[str]) -> None:
    """Do the one task that the tool sends. args: as of main()."""
    # SIGTERM is read where it matters, by Registration. The other signals
    # come from a terminal, or from its end, and the terminal is the tool's.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    control, handover = (socket.socket(fileno=int(fd)) for fd in args)
    channel = Channel(control)
    message = channel.receive()
    if message is None:
        return
    request = LeaseRequest(**message["request"])
    watch = Watch(channel, request.sd_id, request.timeout)
    with _telling(watch):
        if sanlock is None:
            raise errors.SanlockFailed("be used", _missing)
        holder = Holder(request, watch, handover)
        try:
            with _telling(watch):
                getattr(holder, message["task"])()
        finally:
            holder.end()


@contextlib.contextmanager
def _telling(watch: Watch) -> Iterator[None]:
    """Tell the tool what the body raises, except ToolGone."""
    try:
        yield
    except ToolGone:
        pass
    except Exception as e:
        watch.tell({"error": errors.to_fields(e)})
