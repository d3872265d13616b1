# SPDX-License-Identifier: GPL-2.0-or-later
"""
This host's place in a domain's lockspace, as long as a holder needs it.

A host that is in the lockspace already (VDSM joined it) uses the host id it
has, and stays in. Otherwise we join with the id of the configuration, and
leave at the end. A killed holder's join is known by its record, and is ours.
"""

import errno
import time

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.processes.records import Record

# src/timeouts.c, calc_id_renewal_seconds(): a host renews its slot each
# 2 * io_timeout; src/lockspace.c, lockspace_thread(), waits for it in steps
# of a second, and the renewal takes its time.
RENEWAL = 2
RENEWAL_SLACK = 2

# Seconds between looks.
_POLL = 0.2
_SLOT_POLL = 0.5

# Each try to leave is a line in sanlock's log: first and longest pause.
_LEAVE_POLL = (0.2, 5)

# Seconds that sanlock may take to free the lease of a process that ended.
_BUSY = 5

# Somebody else of this host may join between our look and our try.
_TRIES = 3


class Membership:
    """
    host_id: by which this host is in the lockspace, once it is.
    """

    def __init__(self, request, space, watch):
        self._request = request
        self._space = space
        self._watch = watch
        self._record = Record(request.run_dir, request.sd_id)
        self._must_leave = False
        self.host_id = None

    def lock(self):
        """Wait until no other holder of this host works on the domain."""
        for owner in self._record.until_locked():
            self._watch.step(f"waiting for {owner}")
            busy = errors.LeaseBusy(self._request.sd_id, owner)
            self._watch.pause(_POLL, late=busy)

    def adopt_left_behind(self):
        """A join that a killed holder left, if there is one."""
        # One that we may not read was made by root, so it is root's to leave.
        if not self._record.readable():
            return
        self._record.open()
        if self._record.lock():
            with lockspace.failing("list its lockspaces"):
                running = self._watch.run(self._space.daemon_runs)
            # A daemon that is gone took its lockspaces with it.
            self._adopt(self._settled() if running else None)

    def join(self):
        for _ in range(_TRIES):
            joined = self._settled()
            if joined:
                self._require_same_path(joined)
                self._adopt(joined)
                return
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

    def require_alone(self):
        """Raises HostsLive unless all other hosts are known to be dead."""
        late = self._hosts_live("not known yet")
        while True:
            hosts = self._hosts(late)
            maybe = sorted(
                host_id
                for host_id, host in hosts.items()
                if host_id != self.host_id
                and host.state not in (sanlock.HOST_FREE, sanlock.HOST_DEAD)
            )
            if not maybe:
                return
            live = [i for i in maybe if hosts[i].state == sanlock.HOST_LIVE]
            if live:
                raise self._hosts_live(lockspace.numbers(live))
            late = self._hosts_live(lockspace.numbers(maybe))
            self._watch.step(f"looking whether hosts are alive: {late.hosts}")
            self._watch.pause(_POLL, late)

    def leave(self):
        """However long it takes; only what is ours to leave."""
        if not self._must_leave:
            return
        self._watch.tell({"progress": "leaving the lockspace"})
        pause, longest = _LEAVE_POLL
        since = time.monotonic()
        while self._is_joined():
            try:
                self._space.leave(self.host_id)
            except sanlock.SanlockException as e:
                # EBUSY: somebody whom we cannot see has the lease. Others:
                # sanlock is leaving already, or lost the storage. Nothing
                # that another try could not end.
                if e.errno == errno.EBUSY and time.monotonic() > since + _BUSY:
                    self._watch.tell({"writing": True})
                time.sleep(pause)
                pause = min(pause * 2, longest)
        self._record.remove()

    # Steps of joining

    def _settled(self):
        """How this host is in the lockspace, when that is not changing."""
        while True:
            with lockspace.failing("list its lockspaces"):
                joined = self._watch.run(self._space.joined)
            if not joined or not joined.changing:
                return joined
            self._watch.step("waiting for sanlock to join or leave")
            self._watch.pause(_POLL)

    def _require_same_path(self, joined):
        # A replica beside its origin: the same name, another storage.
        if joined.path != self._request.ids:
            action = f"join the lockspace {self._request.ids}"
            reason = f"this host has joined it as {joined.path}"
            raise errors.SanlockFailed(action, reason)

    def _adopt(self, joined):
        """
        Use a join; leave it at the end if a killed holder made it, which only
        a record that can be read proves.
        """
        kept = self._record.read()
        if joined:
            self.host_id = joined.host_id
        if joined and kept and joined.path == self._request.ids:
            host = self._hosts()[joined.host_id]
            self._must_leave = kept == _join_record(
                joined.host_id, host.generation
            )
        if not self._must_leave:
            self._record.remove()

    def _join(self):
        host_id = self._request.host_id
        self._watch.step(f"looking whether host id {host_id} is free")
        with lockspace.failing(f"read the lockspace {self._request.ids}"):
            io_timeout = self._watch.run(self._space.io_timeout)
        slot = self._free_slot(io_timeout)
        self.host_id = host_id
        # src/delta_lease.c, delta_lease_acquire(): joining adds 1.
        self._record.write(_join_record(host_id, slot.generation + 1))
        self._must_leave = True
        self._watch.step(_joining(host_id, slot))
        try:
            self._watch.run(lambda: self._space.join(host_id, io_timeout))
        except sanlock.SanlockException as e:
            if e.errno == lockspace.HOSTID_BUSY:
                raise self._host_id_in_use(self._slot())
            raise

    def _free_slot(self, io_timeout):
        """
        A slot is live if it changes while we look. sanlock would find out,
        too, but says so only after minutes.
        """
        first = slot = self._slot()
        end = time.monotonic() + RENEWAL * io_timeout + RENEWAL_SLACK
        while slot.timestamp and time.monotonic() < end:
            self._watch.pause(_SLOT_POLL)
            slot = self._slot()
            if slot.timestamp and slot != first:
                raise self._host_id_in_use(slot)
        return slot

    def _slot(self):
        user = (self._request.dump_uid, self._request.dump_gid)
        process = self._space.start_dump(None if None in user else user)
        output, _ = self._watch.run(process.communicate, abort=process.kill)
        if process.returncode != 0:
            action = f"read the lockspace {self._request.ids}"
            raise errors.SanlockFailed(action, output.strip())
        return self._space.slot(output, self._request.host_id)

    def _host_id_in_use(self, slot):
        return errors.HostIdInUse(
            self._request.sd_id, self._request.host_id, slot.owner
        )

    # Looking

    def _hosts(self, late=None):
        with lockspace.failing("list the hosts of the lockspace"):
            while True:
                hosts = self._watch.run(self._space.hosts, late)
                if hosts is not None:
                    return hosts
                self._watch.pause(_POLL, late)

    def _hosts_live(self, hosts):
        return errors.HostsLive(self._request.sd_id, hosts)

    def _is_joined(self):
        try:
            joined = self._space.daemon_runs() and self._space.joined()
        except sanlock.SanlockException:
            # It may be; another try will tell.
            return True
        ours = (self.host_id, self._request.ids)
        return bool(joined) and (joined.host_id, joined.path) == ours


def _join_record(host_id, generation):
    return {"host_id": host_id, "generation": generation}


def _joining(host_id, slot):
    text = f"joining the lockspace as host id {host_id}"
    if slot.timestamp:
        text += f", which {slot.owner} did not leave in order"
    return text
