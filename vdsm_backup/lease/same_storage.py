# SPDX-License-Identifier: GPL-2.0-or-later
"""
Whether another path leads to the lockspace that this host is in.

One export may be mounted twice, and a replica beside its origin has the same
UUID. Neither a path nor a device number tells the two apart. But this host
renews its slot (membership.py), and a replica does not show these renewals.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.lease import lockspace
from vdsm_backup.lease.hosts import Hosts
from vdsm_backup.lease.lockspace import Lockspace
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lease.slot import SlotReader
from vdsm_backup.lease.watch import Watch
from vdsm_backup.text import printable


class SameStorage:
    """
    The methods wait by the Watch, and raise what it raises. Where sanlock
    fails they raise SanlockFailed.
    """

    def __init__(
        self,
        request: LeaseRequest,
        space: Lockspace,
        watch: Watch,
        hosts: Hosts,
    ) -> None:
        self._request = request
        self._space = space
        self._watch = watch
        self._hosts = hosts

    def shows_us(self, host_id: int, ids: str) -> bool:
        """
        Whether the file or LV shows that this host, which is in the lockspace
        by the host id, renews its slot.
        """
        self._watch.step(f"looking whether {ids} is the same storage")
        with lockspace.failing(f"read the lockspace {self._request.ids}"):
            io_timeout = self._watch.run(self._space.io_timeout)
        us = self._hosts.all_hosts().get(host_id)
        if us is None:
            return False
        request = self._request._replace(ids=ids)
        slot = SlotReader(request, self._watch, host_id)
        return slot.is_renewed(us.generation, io_timeout)

    def require(self, host_id: int | None) -> None:
        """
        Raises AmbiguousDomain if any of the paths that the request says to be
        the same storage is not, as far as can be seen.

        host_id: by which this host is in the lockspace.
        """
        for ids in self._request.same_storage:
            if host_id is None or not self.shows_us(host_id, ids):
                places = f"{printable(self._request.ids)}, {printable(ids)}"
                raise errors.AmbiguousDomain(self._request.sd_id, places)
