# SPDX-License-Identifier: GPL-2.0-or-later
"""
How this host gets into a domain's lockspace, and out of it.

The problem
===========

Only a host that is in a lockspace can take a lease in it: it has a host id,
which is a slot of `ids` that its sanlock renews. Three things make this hard.

1. The host may be in the lockspace already, since VDSM has joined it. Then we
   must use the host id that VDSM chose, and must not leave: leaving would take
   the lockspace from VDSM.
2. Otherwise we join with the host id of the configuration, which another host
   may have.
3. A holder can be killed at any point. Its lease goes with its connection
   (connection.py), but a lockspace does not belong to a connection. The host
   stays in it for ever, and until it leaves, VDSM cannot join with an id of
   its own. So the next holder must leave for the one that was killed, but
   never leave what somebody else of this host has joined.

What sanlock does
=================

(Files and functions are those of sanlock 3.8.5. What it says of other hosts
is in hosts.py.)

*Joining*: add_lockspace_start() in src/lockspace.c refuses a lockspace that
this host is in, joins or leaves just now (lockspace.JOINED_ALREADY). Then
delta_lease_acquire() in src/delta_lease.c reads the slot. A slot with
timestamp 0 was left in order, or never used, and is free. A slot that has the
name of this host is taken over at once. Any other slot is watched for 8 I/O
timeouts and 60 seconds, and the caller is told nothing in that time. If the
slot changes, it belongs to a live host (HOSTID_BUSY). Taking a slot adds 1 to
its generation, and takes 2 I/O timeouts more, in which nobody else may write
the slot.

*Being in*: lockspace_thread() in src/lockspace.c renews the timestamp of the
slot each 2 I/O timeouts (calc_id_renewal_seconds() in src/timeouts.c).

*Leaving*: rem_lockspace() kills every process that has a lease. With `unused`
it kills nobody, and fails with EBUSY while any process has one
(lockspace_is_used() in src/resource.c).

What follows for us
===================

*One holder at a time* works on a domain on this host: lock().

*Before joining* we watch the slot ourselves for one renewal, so that a live
host is found in seconds and named (slot.py). A host may take the slot after
that, or renew it more slowly than this domain's I/O timeout says. sanlock
finds such a host after minutes. So we go on watching the slot while sanlock
joins, also where it is VDSM's join that we wait for.

*A join is put on record* before it is made (records.py): the host id, and the
generation that the slot will have, one more than it has. A holder that was
killed leaves the record. The next one compares it with the lockspace. If both
agree, the join is ours, and is left at the end. If the generation is another
one, somebody else has joined since. If the record cannot be read, nothing is
proved. In these two cases the lockspace is used and not left (_adopt()). One
gap remains: a holder is killed after it wrote the record and before sanlock
took the slot, and then somebody else of this host joins with the same host
id. That join has the generation that is on record.

*Another path*: VDSM may have joined the lockspace by another mount of the same
export. Or it has joined a replica, which has the same UUID. same_storage.py
tells which of them it is. A join that a killed holder made by another path is
left before we join by ours.

*Leaving* is always with `unused`, is tried until it works, and is done only
where the join was ours: leave().
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.lease.hosts import Hosts
from vdsm_backup.lease.lockspace import Joined, Lockspace
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lease.same_storage import SameStorage
from vdsm_backup.lease.slot import Slot, SlotReader
from vdsm_backup.lease.watch import Watch
from vdsm_backup.processes.records import Record
from vdsm_backup.text import is_uuid, printable

# Seconds between two questions to sanlock.
_POLL = 0.2

# Each try to leave is a line in sanlock's log. Seconds, the first and the
# longest pause between two tries.
_LEAVE_POLL = (0.2, 5)

# Seconds that sanlock may take to free the lease of a process that ended.
_BUSY = 5

# Somebody else of this host may join between our question and our try.
_TRIES = 3


class Membership:
    """
    This host in the lockspace of a domain: how it gets in, and out.

    host_id: by which this host is in the lockspace, once it is.

    All methods but leave() wait by the Watch, and raise what it raises. Where
    sanlock fails or the record cannot be used, they raise SanlockFailed.
    """

    def __init__(
        self, request: LeaseRequest, space: Lockspace, watch: Watch
    ) -> None:
        self._request = request
        self._space = space
        self._watch = watch
        self._slot = SlotReader(request, watch, request.host_id)
        self._hosts = Hosts(request, space, watch)
        self._same_storage = SameStorage(request, space, watch, self._hosts)
        # The UUID names files in run_dir.
        if not is_uuid(request.sd_id):
            raise ValueError(f"not a UUID: {request.sd_id!a}")
        self._record = Record(request.run_dir, request.sd_id)
        self._must_leave = False
        self._path = request.ids
        self.host_id: int | None = None

    def lock(self) -> None:
        """
        Wait until no other holder of this host works on the domain. Raises
        LeaseBusy when the time is over.
        """
        for owner in self._record.until_locked():
            self._watch.step(f"waiting for {owner}")
            busy = errors.LeaseBusy(self._request.sd_id, owner)
            self._watch.pause(_POLL, late=busy)

    def adopt_left_behind(self) -> None:
        """
        Adopt the join that a killed holder left, if there is one and no other
        holder is at work. leave() leaves it then.
        """
        # A record that we may not read was made by root, so the join is
        # root's to leave.
        if not self._record.readable():
            return
        self._record.open()
        if self._record.lock():
            with lockspace.failing("list its lockspaces"):
                running = self._watch.run(self._space.daemon_runs)
            # A daemon that is gone took its lockspaces with it.
            self._adopt(self._joined() if running else None)

    def join(self) -> None:
        """
        Be in the lockspace, by the host id that this host has in it, or else
        by the one of the request. Raises HostIdInUse if another host has it,
        HostsLive if this host is in it and must not be, and VdsmRunning if the
        pool is said to be gone and VDSM has joined.
        """
        for _ in range(_TRIES):
            joined = self._joined()
            if joined:
                self._adopt(joined)
                if self._is_same_storage(joined):
                    self._require_ours(joined)
                    return
                self._leave_other_path(joined)
            try:
                self._join()
                return
            except sanlock.SanlockException as e:
                self._record.remove()
                self._must_leave = False
                last = e
                if e.errno not in lockspace.JOINED_ALREADY:
                    break
        action = f"join the lockspace {self._request.ids}"
        raise errors.SanlockFailed(action, lockspace.describe(last))

    def require_same_storage(self) -> None:
        """
        Raises AmbiguousDomain if any of the paths that the request says to be
        the same storage is not, as far as can be seen.
        """
        self._same_storage.require(self.host_id)

    def require_alone(self) -> None:
        """Raises HostsLive unless all other hosts are known to be dead."""
        self._hosts.require_dead(self.host_id)

    def leave(self) -> None:
        """Leave what is ours to leave, however long it takes."""
        if not self._must_leave or self.host_id is None:
            return
        self._watch.tell({"progress": "leaving the lockspace"})
        pause, longest = _LEAVE_POLL
        since = time.monotonic()
        while self._may_be_in():
            try:
                self._space.leave(self.host_id, self._path)
            except sanlock.SanlockException as e:
                # EBUSY: a process that we cannot see has the lease. Other
                # errors: sanlock is leaving already, or lost the storage.
                # After each of these another try may succeed.
                if e.errno == errno.EBUSY and time.monotonic() > since + _BUSY:
                    self._watch.tell({"writing": True})
                time.sleep(pause)
                pause = min(pause * 2, longest)
        self._record.remove()

    # Steps of joining

    def _joined(self) -> Joined | None:
        """
        How this host is in the lockspace, once that is not changing. Raises
        HostIdInUse if it is being joined by the host id of another host.
        """
        check_rival = None
        while True:
            with lockspace.failing("list its lockspaces"):
                joined = self._watch.run(self._space.joined)
            if not joined or not joined.changing:
                return joined
            self._watch.step("waiting for sanlock to join or leave")
            if joined.joining and joined.path == self._request.ids:
                check_rival = check_rival or self._rival_watch(joined.host_id)
                check_rival()
            self._watch.pause(_POLL)

    def _rival_watch(self, host_id: int) -> Callable[[], None]:
        slot = SlotReader(self._request, self._watch, host_id)
        return slot.rival_watch()

    def _is_same_storage(self, joined: Joined) -> bool:
        """Whether our path leads to the lockspace that this host is in."""
        if joined.path == self._request.ids:
            return True
        return self._same_storage.shows_us(joined.host_id, self._request.ids)

    def _leave_other_path(self, joined: Joined) -> None:
        """
        Leave what a killed holder joined by another path. Raises SanlockFailed
        if this host is in the lockspace for another reason; LeaseBusy if the
        lease of the killed holder does not end in time.
        """
        path = printable(joined.path)
        if not self._must_leave:
            action = f"join the lockspace {self._request.ids}"
            reason = (
                f"this host has joined it as {path}, which is another copy"
                " (a replica beside its origin): disconnect the copy that you"
                " do not mean"
            )
            raise errors.SanlockFailed(action, reason)
        owner = f"host id {joined.host_id} (this host), on {path}"
        busy = errors.LeaseBusy(self._request.sd_id, owner)
        while self._joined():
            self._watch.step(f"leaving the lockspace {path}")
            try:
                self._watch.run(
                    lambda: self._space.leave(joined.host_id, joined.path)
                )
            except sanlock.SanlockException:
                self._watch.pause(_POLL, late=busy)
        self._record.remove()
        self._must_leave, self._path = False, self._request.ids

    def _require_ours(self, joined: Joined) -> None:
        """
        Raises HostsLive if only our own joins are allowed; VdsmRunning if the
        pool is said to be gone, and only VDSM can have joined so.
        """
        request = self._request
        if self._must_leave:
            return
        if request.require_not_joined:
            used = f"this host, which has joined as host id {joined.host_id}"
            raise errors.HostsLive(request.sd_id, used, "")
        if request.gone_pool and joined.host_id != request.host_id:
            why = (
                "this host is in the lockspace of the domain as host id"
                f" {joined.host_id}, which is VDSM's"
            )
            pool = printable(request.gone_pool)
            raise errors.VdsmRunning(request.sd_id, pool, why)

    def _adopt(self, joined: Joined | None) -> None:
        """
        Use a join that is there. It is left at the end if a killed holder
        made it, which only a record that can be read proves.
        """
        kept = self._record.read()
        if joined:
            self.host_id, self._path = joined.host_id, joined.path
        if joined and kept:
            host = self._hosts.all_hosts().get(joined.host_id)
            self._must_leave = host is not None and kept == _join_record(
                joined.host_id, host.generation
            )
        if not self._must_leave:
            self._record.remove()

    def _join(self) -> None:
        host_id = self._request.host_id
        self._watch.step(f"looking whether host id {host_id} is free")
        with lockspace.failing(f"read the lockspace {self._request.ids}"):
            io_timeout = self._watch.run(self._space.io_timeout)
        slot = self._slot.free(io_timeout)
        self.host_id = host_id
        self._record.write(_join_record(host_id, slot.generation + 1))
        self._must_leave = True
        self._watch.step(_joining(host_id, slot))
        try:
            self._watch.run(
                lambda: self._space.join(host_id, io_timeout),
                meanwhile=self._slot.rival_watch(),
            )
        except sanlock.SanlockException as e:
            if e.errno == lockspace.HOSTID_BUSY:
                raise self._slot.in_use(self._slot.read())
            raise

    def _may_be_in(self) -> bool:
        """Whether this host may still be in the lockspace as we joined it."""
        try:
            if not self._space.daemon_runs():
                return False
            joined = self._space.joined()
        except (sanlock.SanlockException, errors.SanlockFailed):
            # Not known; another try will tell.
            return True
        ours = (self.host_id, self._path)
        return joined is not None and (joined.host_id, joined.path) == ours


def _join_record(host_id: int, generation: int) -> dict[str, int]:
    return {"host_id": host_id, "generation": generation}


def _joining(host_id: int, slot: Slot) -> str:
    text = f"joining the lockspace as host id {host_id}"
    if slot.timestamp:
        text += f", which {slot.owner} did not leave in order"
    return text
