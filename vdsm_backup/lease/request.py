# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which lease is wanted, and how to get it: what the tool tells its holder, and
what the modules of the holder go by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class LeaseRequest(NamedTuple):
    """
    Sizes are in bytes, times in seconds.

    ids, leases: the file or LV of the lockspace, and that of the resources.
    offset: of the SDM resource in leases.
    host_id: to join with if this host is not in the lockspace.
    require_alone: refuse while another host of the lockspace may be alive.
    dump_uid, dump_gid: the user that may read ids, where root may not (NFS).
    require_not_joined: refuse where somebody else of this host, which is
        VDSM, has joined the lockspace.
    same_storage: other paths by which ids must be reached, too. If one of them
        is another file, that is a copy of the domain.
    note: called with a text on what is left behind on this host at the end,
        which somebody has to know. None: it is progress, as all else.
    gone_pool: if not empty, the pool that is said to be gone. Refuse if this
        host is in the lockspace by a host id that is not ours.
    """

    sd_id: str
    ids: str
    leases: str
    offset: int
    align: int
    sector: int
    host_id: int
    timeout: float
    run_dir: str
    require_alone: bool
    dump_uid: int | None = None
    dump_gid: int | None = None
    require_not_joined: bool = False
    same_storage: Sequence[str] = ()
    note: Callable[[str], None] | None = None
    gone_pool: str = ""

    @classmethod
    def without_storage(
        cls, sd_id: str, timeout: float, run_dir: str = ""
    ) -> LeaseRequest:
        """
        For a task that opens nothing on storage, and takes no lease.

        run_dir: "" if the task needs no record of this host.
        """
        return cls(
            sd_id=sd_id,
            ids="",
            leases="",
            offset=0,
            align=0,
            sector=0,
            host_id=0,
            timeout=timeout,
            run_dir=run_dir,
            require_alone=False,
        )

    def fields(self) -> dict[str, Any]:
        """What the holder process is told: all but `note`, for JSON."""
        fields = self._asdict()
        del fields["note"]
        return fields
