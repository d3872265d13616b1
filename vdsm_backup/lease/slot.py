# SPDX-License-Identifier: GPL-2.0-or-later
"""
The slot of a host id, read before this host is in the lockspace.

The sanlock daemon tells about host ids only after joining, and we must know
before that whether ours is free. So the slot is read without the daemon, by
the sanlock command in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.lease.client import LeaseRequest
from vdsm_backup.lease.watch import Watch
from vdsm_backup.processes import identity
from vdsm_backup.text import printable

SANLOCK = "/usr/sbin/sanlock"

# A slot of a live host changes within RENEWAL I/O timeouts
# (calc_id_renewal_seconds() in src/timeouts.c) and RENEWAL_SLACK seconds:
# lockspace_thread() in src/lockspace.c waits in steps of a second, and the
# renewal itself takes some time.
RENEWAL = 2
RENEWAL_SLACK = 2

# Seconds between two times that the slot is read.
_POLL = 0.5

_MIB = 1024**2


@dataclass(frozen=True)
class Slot:
    """
    One host id on storage.

    owner: the name of the host.
    timestamp: of the last renewal, by the owner's clock; 0 if the host id was
    left, or never used.
    generation: how many times the host id was taken.
    """

    owner: str = ""
    timestamp: int = 0
    generation: int = 0


class SlotReader:
    """
    Reads the slot of the host id that a LeaseRequest would join with. Waits
    by the Watch, and raises what it raises.
    """

    def __init__(self, request: LeaseRequest, watch: Watch) -> None:
        self._request = request
        self._watch = watch

    def free(self, io_timeout: int) -> Slot:
        """
        The slot, after it was watched for one renewal if its host may live.

        io_timeout: of the lockspace, in seconds.

        Raises HostIdInUse if the slot changed; SanlockFailed.
        """
        first = slot = self.read()
        end = time.monotonic() + RENEWAL * io_timeout + RENEWAL_SLACK
        while slot.timestamp and time.monotonic() < end:
            self._watch.pause(_POLL)
            slot = self.read()
            if slot.timestamp and slot != first:
                raise self.in_use(slot)
        return slot

    def read(self) -> Slot:
        """The slot, as it is on storage now. Raises SanlockFailed."""
        process = self._start_dump()
        output, _ = self._watch.run(process.communicate, abort=process.kill)
        if process.returncode != 0:
            action = f"read the lockspace {self._request.ids}"
            raise errors.SanlockFailed(action, output.strip())
        offset = (self._request.host_id - 1) * self._request.sector
        return parse_slot(output, offset)

    def in_use(self, slot: Slot) -> errors.HostIdInUse:
        """The error that the slot belongs to another host."""
        return errors.HostIdInUse(
            self._request.sd_id, self._request.host_id, slot.owner
        )

    def _start_dump(self) -> subprocess.Popen[str]:
        """
        A process that prints the slots.

        sanlock takes a ':' in a path for a separator, so it is given the name
        within the directory. A shell enters the directory, and not Popen:
        Popen would wait for that, and with it this process, in the kernel if
        the storage hangs.
        """
        request = self._request
        directory, name = os.path.split(request.ids)
        script = 'cd -- "$1" && exec "$0" direct dump "$2" -Z "$3" -A "$4"'
        options = {}
        if request.dump_uid is not None and request.dump_gid is not None:
            options = identity.user(request.dump_uid, request.dump_gid)
        return subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                script,
                SANLOCK,
                directory,
                f"{name}:0:{request.align}",
                str(request.sector),
                f"{request.align // _MIB}M",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
            **options,
        )


def parse_slot(dump: str, offset: int) -> Slot:
    """
    The slot at the offset, in bytes, in what a dump printed.

    A line of it has the offset, the lockspace, the owner's name (which may
    have spaces, or be empty), the timestamp, the host id, and the generation:
    direct_dump() in src/direct.c. Slots that were never used are not printed.
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
