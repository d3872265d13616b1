# SPDX-License-Identifier: GPL-2.0-or-later
"""
The other hosts of a lockspace that this host is in: which may be alive.

What sanlock says (files and functions are those of sanlock 3.8.5):
get_host_flag() in src/lockspace.c says FREE for a slot with timestamp 0. Any
other slot is UNKNOWN until it has changed while we are in the lockspace, and
then LIVE. After 8 I/O timeouts without a change it is FAIL, and 60 seconds
later DEAD: its host must have been reset by its watchdog. 3.9.5 says UNKNOWN
only until it has read the slot twice, and then LIVE, also where the slot has
not changed. So its LIVE proves nothing: a host that crashed before we joined
is LIVE for 8 I/O timeouts, then FAIL and DEAD as above.

What follows: we are alone if all other slots are FREE or DEAD. Any other slot
may belong to a live host. If it changes while we look, the host is alive, and
we refuse. Until it does, we wait. LIVE alone is no reason to refuse: with
3.9.5 a host that crashed would be LIVE after each join of ours, and would keep
us from the domain for ever. So a host that is LIVE at our first look, where
this host was in the lockspace before, is refused after its next renewal, once
our sanlock has read that: within 4 I/O timeouts.
"""

from __future__ import annotations

from collections.abc import Sequence

import sanlock

from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.lease.lockspace import Host, Lockspace
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lease.slot import Slot, SlotReader
from vdsm_backup.lease.watch import Watch

# Seconds between two questions to sanlock.
_POLL = 0.2


class Hosts:
    """
    The methods wait by the Watch, and raise what it raises. Where sanlock
    fails they raise SanlockFailed.
    """

    def __init__(
        self, request: LeaseRequest, space: Lockspace, watch: Watch
    ) -> None:
        self._request = request
        self._sd_id = request.sd_id
        self._space = space
        self._watch = watch

    def all_hosts(self, late: errors.Error | None = None) -> dict[int, Host]:
        """All hosts by their ids. late: raised when the time is over."""
        with lockspace.failing("list the hosts of the lockspace"):
            while True:
                hosts = self._watch.run(self._space.hosts, late)
                if hosts is not None:
                    return hosts
                self._watch.pause(_POLL, late)

    def require_dead(self, ours: int | None) -> None:
        """
        Raises HostsLive unless all hosts but ours are known to be dead.

        ours: the host id of this host.
        """
        late = self._live("not known yet", known=False)
        names: dict[int, str] = {}
        first = self.all_hosts(late)
        hosts = first
        while True:
            may_live = sorted(
                host_id
                for host_id, host in hosts.items()
                if host_id != ours
                and host.state not in (sanlock.HOST_FREE, sanlock.HOST_DEAD)
            )
            if not may_live:
                return
            live = [i for i in may_live if hosts[i].has_renewed(first.get(i))]
            those, known = live or may_live, bool(live)
            late = self._live(lockspace.numbers(those), known)
            if not names.keys() >= set(may_live):
                names = self._names(may_live, late)
            late = self._live(", ".join(names[i] for i in those), known)
            if live:
                raise late
            self._watch.step(f"looking whether hosts are alive: {late.hosts}")
            self._watch.pause(_POLL, late)
            hosts = self.all_hosts(late)

    def _names(
        self, host_ids: Sequence[int], late: errors.Error
    ) -> dict[int, str]:
        """
        The host ids, each with the name that its host has for sanlock, as far
        as the names can be read. Raises `late` when the time is over.
        """
        slots: dict[int, Slot] = {}
        reader = SlotReader(self._request, self._watch, host_ids[0])
        try:
            slots = reader.slots(host_ids)
        except errors.LeaseTimeout:
            raise late
        except errors.SanlockFailed:
            # The numbers have to do.
            pass
        return {i: _named(i, slots.get(i, Slot()).owner) for i in host_ids}

    def _live(self, hosts: str, known: bool) -> errors.HostsLive:
        doubt = "" if known else errors.HostsLive.DOUBT
        return errors.HostsLive(self._sd_id, hosts, doubt)


def _named(host_id: int, owner: str) -> str:
    return f"{host_id} ({owner})" if owner else f"{host_id}"
