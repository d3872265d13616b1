# SPDX-License-Identifier: GPL-2.0-or-later
"""
The slot of a host id, read before this host is in the lockspace.

The sanlock daemon tells about host ids only after joining, and we must know
before that whether ours is free. So the slot is read without the daemon, by
the sanlock command in a process of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vdsm_backup import errors
from vdsm_backup.lease.request import LeaseRequest
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

# Seconds between two times that the slot is read, and while sanlock joins.
_POLL = 0.5
_RIVAL_POLL = 1

_MIB = 1024**2


class Slot(NamedTuple):
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
    Reads the slot of a host id in the lockspace of a LeaseRequest. Waits by
    the Watch, and raises what it raises.
    """

    def __init__(
        self, request: LeaseRequest, watch: Watch, host_id: int
    ) -> None:
        self._request = request
        self._watch = watch
        self._host_id = host_id

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
        return self.slots([self._host_id])[self._host_id]

    def slots(self, host_ids: Iterable[int]) -> dict[int, Slot]:
        """Those of several host ids, read at one time, as read()."""
        process = self._start_dump()
        output, log = self._watch.run(process.communicate, abort=process.kill)
        if process.returncode != 0:
            action = f"read the lockspace {self._request.ids}"
            said = (output + log).decode("utf-8", "backslashreplace").strip()
            raise errors.SanlockFailed(action, printable(said))
        sd_id, sector = self._request.sd_id, self._request.sector
        return {
            host_id: parse_slot(output, sd_id, (host_id - 1) * sector)
            for host_id in host_ids
        }

    def is_renewed(self, generation: int, io_timeout: int) -> bool:
        """
        Whether the slot has this generation, and is renewed. Waits for two
        renewals. io_timeout: of the lockspace, in seconds.

        Raises SanlockFailed.
        """
        first = slot = self.read()
        end = time.monotonic() + 2 * RENEWAL * io_timeout + RENEWAL_SLACK
        while slot.generation == generation and time.monotonic() < end:
            self._watch.pause(_POLL)
            slot = self.read()
            if slot.timestamp != first.timestamp:
                return slot.generation == generation
        return False

    def rival_watch(self) -> Callable[[], None]:
        """
        A function to be called again and again while sanlock joins by the host
        id. It raises HostIdInUse when it has seen that another host has it.
        """
        rival = Rival()
        next_check = time.monotonic()

        def check() -> None:
            nonlocal next_check
            if time.monotonic() < next_check:
                return
            try:
                slot = self.read()
            except errors.SanlockFailed:
                # sanlock reads the slot, too, and tells what is wrong.
                return
            finally:
                next_check = time.monotonic() + _RIVAL_POLL
            if rival.sees(slot):
                raise self.in_use(slot)

        return check

    def in_use(self, slot: Slot) -> errors.HostIdInUse:
        """The error that the slot belongs to another host."""
        owner = slot.owner or "a host whose sanlock has no name"
        return errors.HostIdInUse(self._request.sd_id, self._host_id, owner)

    def _start_dump(self) -> subprocess.Popen[bytes]:
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
            # Not together with the dump: a message could come between two
            # parts of a line.
            stderr=subprocess.PIPE,
            **options,
        )


def parse_slot(dump: bytes, sd_id: str, offset: int) -> Slot:
    """
    The slot at the offset, in bytes, in what a dump of the lockspace of this
    domain printed. Slots that were never used are not printed.

    direct_dump() in src/direct.c prints for each slot the offset, the
    lockspace (36 bytes for a UUID), the owner's name (48 bytes, filled up with
    spaces from the left), the timestamp, the host id and the generation. The
    name is printed as it is on storage: it may be empty, or have spaces, line
    feeds, or bytes that are no text. So the widths count, and the lines do
    not. No name is long enough to look like another slot.
    """
    pattern = rb"(\d{8,}) %s (.{48}) (\d{10,}) (\d{4,}) (\d{4,})\n"
    slots = re.compile(pattern % re.escape(sd_id.encode("ascii")), re.DOTALL)
    for found in slots.finditer(dump):
        if int(found[1]) == offset:
            owner = found[2].lstrip(b" ").decode("utf-8", "backslashreplace")
            return Slot(printable(owner), int(found[3]), int(found[5]))
    return Slot()


class Rival:
    """
    Notices another host that renews the slot while this host only joins with
    it. Our sanlock writes the slot once then, and renews it only when it has
    joined; two renewals of one generation are another host's.
    """

    # How many times one generation has another timestamp.
    _ENOUGH = 2

    def __init__(self) -> None:
        self._last = Slot()
        self._renewals = 0

    def sees(self, slot: Slot) -> bool:
        """
        Whether the slot, as it is now, and those that were told before are
        those of another host that is alive.
        """
        last, self._last = self._last, slot
        one_host = (slot.owner, slot.generation)
        if not slot.timestamp or one_host != (last.owner, last.generation):
            self._renewals = 0
        elif slot.timestamp != last.timestamp:
            self._renewals += 1
        return self._renewals >= self._ENOUGH
