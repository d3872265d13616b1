# SPDX-License-Identifier: GPL-2.0-or-later
"""
One domain's lockspace and SDM lease, as sanlock sees them.

Nearly everything is asked of the sanlock daemon, which does all I/O. Only a
slot of the lockspace is read without it, by the sanlock command in a process
of its own: the daemon tells about host ids after joining, and we must know
whether ours is free before.
"""

import contextlib
import errno
import os
import subprocess
from dataclasses import dataclass

import sanlock

from vdsm_backup import errors
from vdsm_backup.processes import identity
from vdsm_backup.text import printable

# lib/vdsm/storage/sd.py, SDM_LEASE_NAME.
SDM = b"SDM"

SANLOCK = "/usr/sbin/sanlock"

# src/sanlock_rv.h: SANLK_HOSTID_BUSY
HOSTID_BUSY = -262

# Somebody has the lease. src/sanlock_rv.h: SANLK_ACQUIRE_IDLIVE, _OWNED,
# _OTHER, _SHRETRY, _OWNED_RETRY; src/resource.c, acquire_token(): a process
# of this host has it (EEXIST), is getting it (EBUSY), gives it back (EAGAIN).
THIS_HOST_HAS_IT = (errno.EEXIST, errno.EBUSY, errno.EAGAIN)
OTHER_HOST_HAS_IT = (-243, -244, -245, -246, -247)

# src/lockspace.c, add_lockspace_start(): this host has the lockspace already,
# joins it or leaves it just now, by the same id or (EINVAL) by another one.
JOINED_ALREADY = (
    errno.EEXIST,
    errno.EINPROGRESS,
    errno.EAGAIN,
    errno.EINVAL,
)

# No daemon behind the socket, or no socket.
_NO_DAEMON = (errno.ECONNREFUSED, errno.ENOENT)

# src/sanlock_admin.h: SANLK_HOST_MASK
_HOST_MASK = 0xF

_MIB = 1024**2


@dataclass(frozen=True)
class Joined:
    """How this host is in a lockspace."""

    host_id: int
    path: str
    changing: bool  # it is being joined or left


@dataclass(frozen=True)
class Slot:
    """One host id on storage; timestamp 0: it was left, or never used."""

    owner: str = ""
    timestamp: int = 0
    generation: int = 0


@dataclass(frozen=True)
class Host:
    state: int  # sanlock.HOST_*
    generation: int


class Lockspace:
    """The one that a lease.Request is about."""

    def __init__(self, request):
        self._name = request.sd_id.encode("ascii")
        self._ids = request.ids
        self._disks = [(request.leases, request.offset)]
        self._size = {"align": request.align, "sector": request.sector}

    def daemon_runs(self):
        try:
            sanlock.get_lockspaces()
        except sanlock.SanlockException as e:
            if e.errno not in _NO_DAEMON:
                raise
            return False
        return True

    def joined(self):
        """How this host is in the lockspace, or None."""
        for entry in sanlock.get_lockspaces():
            if entry["lockspace"] == self._name:
                changing = entry["flags"] != 0
                return Joined(entry["host_id"], entry["path"], changing)
        return None

    def io_timeout(self):
        return sanlock.read_lockspace(self._ids, **self._size)["iotimeout"]

    def join(self, host_id, io_timeout):
        sanlock.add_lockspace(
            self._name, host_id, self._ids, iotimeout=io_timeout
        )

    def leave(self, host_id):
        """Also ends a join that is under way."""
        # Without `unused` sanlock kills every process that has a lease.
        sanlock.rem_lockspace(self._name, host_id, self._ids, unused=True)

    def hosts(self):
        """
        Hosts by their ids; None until sanlock has looked once after a join.
        """
        try:
            found = sanlock.get_hosts(self._name)
        except sanlock.SanlockException as e:
            if e.errno != errno.EAGAIN:
                raise
            return None
        return {
            host["host_id"]: Host(
                host["flags"] & _HOST_MASK, host["generation"]
            )
            for host in found
        }

    def acquire(self, fd):
        sanlock.acquire(self._name, SDM, self._disks, slkfd=fd)

    def owners(self):
        """Host ids that have the SDM lease, or had it when they died."""
        found = sanlock.read_resource_owners(
            self._name, SDM, self._disks, **self._size
        )
        return sorted(host["host_id"] for host in found)

    def start_dump(self, user):
        """
        A process that prints the slots. user: (uid, gid), or None for ours.

        sanlock takes a ':' in a path for a separator, so it is given the
        name within the directory. That is entered by a shell, not by Popen,
        which would wait in the kernel with us if the storage hangs.
        """
        directory, name = os.path.split(self._ids)
        script = 'cd -- "$1" && exec "$0" direct dump "$2" -Z "$3" -A "$4"'
        align = self._size["align"]
        options = identity.user(*user) if user else {}
        return subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                script,
                SANLOCK,
                directory,
                f"{name}:0:{align}",
                str(self._size["sector"]),
                f"{align // _MIB}M",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            **options,
        )

    def slot(self, dump, host_id):
        """The slot of host_id in what a dump printed."""
        return parse_slot(dump, (host_id - 1) * self._size["sector"])


def parse_slot(dump, offset):
    """
    The slot at the offset, in bytes. Slots that were never used are not
    printed. src/direct.c, direct_dump(): offset, lockspace, owner's name
    (which may have spaces, or be empty), timestamp, host id, generation.
    """
    for line in dump.split("\n"):
        fields = line.split(None, 1)
        if not fields or not fields[0].isdecimal():
            continue
        if int(fields[0]) != offset:
            continue
        names, timestamp, _, generation = line.rsplit(None, 3)
        owner = printable(" ".join(names.split()[2:]))
        return Slot(owner, int(timestamp), int(generation))
    return Slot()


@contextlib.contextmanager
def failing(action):
    """sanlock's errors that mean nothing special here."""
    try:
        yield
    except sanlock.SanlockException as e:
        raise errors.SanlockFailed(action, describe(e))


def describe(e):
    """
    Errors above 0 are the system's; sanlock's own, below 0, have their names
    in src/sanlock_rv.h.
    """
    code, what, why = e.args
    return f"{what}: {why} ({code})"


def numbers(host_ids):
    return ", ".join(str(host_id) for host_id in host_ids)
