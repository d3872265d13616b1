# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real world for the layers below: the one place where it is put together.
"""

import os

from vdsm_backup import (
    change,
    errors,
    history,
    hosted_engine,
    lease,
    local_lease,
    pool,
    record,
    users,
    who,
    write,
)


def keeper(options):
    return history.History(options.history_dir)


def who_uses(storage, options):
    """users.Users of a domain."""
    if storage.kind == "block":
        directory, open_lvs = None, storage.open_lvs
    else:
        directory, open_lvs = storage.directory, None
    return users.find(
        storage.sd_id, storage.kind, directory, open_lvs, options.io_timeout
    )


class Wiring:
    """The tools of one change."""

    def __init__(self, options, timeout, progress):
        """
        timeout: for the lease, instead of the configured one; or None.
        progress: what is shown to somebody who waits.
        """
        self._options = options
        self._timeout = timeout or options.lease_timeout
        self._progress = progress
        self._leased = False

    def tools(self):
        options = self._options
        return change.Tools(
            take_lease=self._take_lease,
            write=self._write,
            users=lambda storage: who_uses(storage, options),
            history=keeper(options),
            who=who.who(),
            is_hosted_engine=hosted_engine.is_hosted_engine,
            vdsm_runs=lambda: pool.vdsm_listens(
                options.vdsm_host, options.vdsm_port
            ),
            settle=options.settle,
            progress=self._progress,
        )

    def tidy(self, storage):
        """
        Leave a lockspace that a killed run left joined; who takes the lease
        does that anyway. Returns notes, why it could not be done.
        """
        kept = record.Record(self._options.run_dir, storage.sd_id)
        if self._leased or not kept.exists():
            return ()
        try:
            values = change.look(storage).values
            with storage.lease() as paths:
                request = self._request(storage, paths, values)
                lease.tidy(request, self._progress)
        except errors.Error as e:
            return (f"a killed run may have left the lockspace joined: {e}",)
        return ()

    def _take_lease(self, storage, paths, values):
        if values.get("TYPE") == local_lease.TYPE:
            return local_lease.take(
                storage.sd_id, paths.ids, self._timeout, self._progress
            )
        self._leased = True
        request = self._request(storage, paths, values)
        return lease.take(request, self._progress)

    def _request(self, storage, paths, values):
        alignment, sector = change.geometry(values, storage.sd_id)
        uid, gid = storage.io_user or (None, None)
        return lease.Request(
            sd_id=storage.sd_id,
            ids=paths.ids,
            leases=paths.leases,
            # lib/vdsm/storage/sd.py, SDM_LEASE_SLOT: the second slot.
            offset=1 * alignment,
            align=alignment,
            sector=sector,
            host_id=self._options.host_id,
            timeout=self._timeout,
            run_dir=os.path.abspath(self._options.run_dir),
            alone=True,
            dump_uid=uid,
            dump_gid=gid,
        )

    def _write(self, storage, old, new, held):
        steps = []
        timeout = self._options.io_timeout
        try:
            write.run(storage, old, new, held, timeout, steps.append)
        except KeyboardInterrupt:
            if "commit" not in steps:
                raise
            reason = "the command was interrupted while it wrote"
            raise errors.OutcomeUnknown(storage.sd_id, reason)
