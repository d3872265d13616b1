# SPDX-License-Identifier: GPL-2.0-or-later
"""
One domain's lockspace and SDM lease, as sanlock sees them.

All is asked of the sanlock daemon, which does all I/O. What the daemon does
not tell is in slot.py.

Methods raise sanlock.SanlockException, and may take as long as sanlock does.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease.request import LeaseRequest

# lib/vdsm/storage/sd.py, SDM_LEASE_NAME.
SDM = b"SDM"

# src/sanlock_rv.h: SANLK_HOSTID_BUSY
HOSTID_BUSY = -262

# Somebody has the lease. src/resource.c, acquire_token(): a process of this
# host has it (EEXIST), is getting it (EBUSY), or gives it back (EAGAIN).
# src/sanlock_rv.h: SANLK_ACQUIRE_IDLIVE, _OWNED, _OTHER, _SHRETRY and
# _OWNED_RETRY.
THIS_HOST_HAS_IT = (errno.EEXIST, errno.EBUSY, errno.EAGAIN)
OTHER_HOST_HAS_IT = (-243, -244, -245, -246, -247)

# src/lockspace.c, add_lockspace_start(): this host is in the lockspace already
# (EEXIST), joins it (EINPROGRESS) or leaves it (EAGAIN) just now; EINVAL is
# any of these by another host id or path.
JOINED_ALREADY = (
    errno.EEXIST,
    errno.EINPROGRESS,
    errno.EAGAIN,
    errno.EINVAL,
)

# src/cmd.c, cmd_acquire(): this host is in no such lockspace, or its lockspace
# has failed and sanlock kills the processes that have leases in it.
GIVES_UP_LOCKSPACE = errno.ENOSPC

# No daemon behind the socket, or no socket.
_NO_DAEMON = (errno.ECONNREFUSED, errno.ENOENT)

# src/sanlock_admin.h: SANLK_HOST_MASK
_HOST_MASK = 0xF


class Joined(NamedTuple):
    """
    How this host is in a lockspace.

    path: of the file or LV that was joined.
    changing: the lockspace is being joined or left.
    joining: it is being joined.
    """

    host_id: int
    path: str
    changing: bool
    joining: bool = False


class Host(NamedTuple):
    """
    What sanlock has seen of a host.

    state: sanlock.HOST_LIVE, HOST_DEAD and so on.
    generation: of its slot.
    timestamp: of its last renewal, by its own clock.
    """

    state: int
    generation: int
    timestamp: int

    def has_renewed(self, before: Host | None) -> bool:
        """Whether its slot is another one than `before`; None: not used."""
        slot = (self.generation, self.timestamp)
        return not before or slot != (before.generation, before.timestamp)


class Lockspace:
    """The lockspace and the SDM lease that a LeaseRequest is about."""

    def __init__(self, request: LeaseRequest) -> None:
        self._name = request.sd_id.encode("ascii")
        self._ids = request.ids
        self._disks = [(request.leases, request.offset)]
        self._size = {"align": request.align, "sector": request.sector}

    def daemon_runs(self) -> bool:
        try:
            sanlock.get_lockspaces()
        except sanlock.SanlockException as e:
            if e.errno not in _NO_DAEMON:
                raise
            return False
        except UnicodeDecodeError:
            # The answer of a daemon: see all_joined().
            pass
        return True

    def joined(self) -> Joined | None:
        """
        How this host is in the lockspace, or None. Raises SanlockFailed, too.
        """
        return all_joined().get(self._name)

    def io_timeout(self) -> int:
        """Seconds; what the lockspace was made with."""
        return sanlock.read_lockspace(self._ids, **self._size)["iotimeout"]

    def join(self, host_id: int, io_timeout: int) -> None:
        """Returns when this host is in the lockspace."""
        sanlock.add_lockspace(
            self._name, host_id, self._ids, iotimeout=io_timeout
        )

    def leave(self, host_id: int, path: str) -> None:
        """
        Returns when this host is out of the lockspace. Also ends a join that
        is under way.

        path: by which it was joined.
        """
        # Without `unused` sanlock kills every process that has a lease.
        sanlock.rem_lockspace(self._name, host_id, path, unused=True)

    def hosts(self) -> dict[int, Host] | None:
        """
        All hosts by their ids; None as long as sanlock has not yet read the
        slots after a join.
        """
        try:
            found = sanlock.get_hosts(self._name)
        except sanlock.SanlockException as e:
            if e.errno != errno.EAGAIN:
                raise
            return None
        return {
            host["host_id"]: Host(
                host["flags"] & _HOST_MASK,
                host["generation"],
                host["timestamp"],
            )
            for host in found
        }

    def acquire(self, fd: int) -> None:
        """Take the SDM lease for the connection fd."""
        sanlock.acquire(self._name, SDM, self._disks, slkfd=fd)

    def owners(self) -> list[int]:
        """Ids of hosts that have the SDM lease, or had it when they died."""
        found = sanlock.read_resource_owners(
            self._name, SDM, self._disks, **self._size
        )
        return sorted(host["host_id"] for host in found)


def all_joined() -> dict[bytes, Joined]:
    """
    {name: how this host is in the lockspace}, of all lockspaces.

    Raises SanlockFailed if the path of any of them is no text: the binding
    tells of none of them then.
    """
    try:
        found = sanlock.get_lockspaces()
    except UnicodeDecodeError:
        reason = (
            "the path of one of them is no UTF-8; see them: sanlock status"
        )
        raise errors.SanlockFailed("list its lockspaces", reason)
    return {
        entry["lockspace"]: Joined(
            entry["host_id"],
            entry["path"],
            changing=entry["flags"] != 0,
            joining=bool(entry["flags"] & sanlock.LSFLAG_ADD),
        )
        for entry in found
    }


@contextlib.contextmanager
def failing(action: str) -> Iterator[None]:
    """
    Raises SanlockFailed for an error of sanlock in the body, where no such
    error means something special. action: what sanlock cannot do then.
    """
    try:
        yield
    except sanlock.SanlockException as e:
        raise errors.SanlockFailed(action, describe(e))


def describe(e: sanlock.SanlockException) -> str:
    """
    An error of sanlock as a text, with its number. Numbers above 0 are errno
    of the system. Those below 0 are sanlock's own, and have their names in
    src/sanlock_rv.h.
    """
    code, what, why = e.args
    return f"{what}: {why} ({code})"


def why_not_acquired(e: sanlock.SanlockException) -> str:
    """Why the lease was not taken, where nobody else has it."""
    reason = describe(e)
    if e.errno == GIVES_UP_LOCKSPACE:
        return (
            "it is giving up the lockspace of the domain, since this host"
            " could not renew its host id in time; run the command again in a"
            f" minute ({reason})"
        )
    return reason


def numbers(host_ids: Iterable[int]) -> str:
    return ", ".join(str(host_id) for host_id in host_ids)
