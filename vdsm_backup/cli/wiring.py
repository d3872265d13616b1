# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real world for the layers below: the one place where it is put together.
"""

import contextlib
import math
import os

from vdsm_backup import errors
from vdsm_backup.change import change, history, write
from vdsm_backup.host import (
    caller,
    filesystems,
    hosted_engine,
    mounts,
    vdsm_client,
)
from vdsm_backup.lease import client
from vdsm_backup.lease import local as lease_local
from vdsm_backup.lvm import activation
from vdsm_backup.metadata import flag
from vdsm_backup.processes.records import Record
from vdsm_backup.text import printable
from vdsm_backup.users import users
from vdsm_backup.vm.paths import mount_of

_LOCAL = lease_local.TYPE


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
        self._activation = None
        self._notes = []

    def tools(self, storage):
        options = self._options
        if storage.kind == "block":
            self._activate(storage)
        return change.Tools(
            take_lease=self._take_lease,
            write=self._write,
            users=lambda storage: who_uses(storage, options),
            history=keeper(options),
            who=flag.changed_by(*caller.user_and_host()),
            is_hosted_engine=hosted_engine.is_hosted_engine,
            vdsm_runs=lambda: vdsm_client.vdsm_listens(
                options.vdsm_host, options.vdsm_port
            ),
            may_write=change.require_may_write,
            settle=options.settle,
            progress=self._progress,
        )

    def tidy(self, storage):
        """
        Leave a lockspace that a killed run left joined, and deactivate the
        LVs that one left active; who takes the lease does that anyway.
        Returns notes, why it could not be done.
        """
        if not self._leased and not self._notes:
            self._tidy(storage)
        return tuple(self._notes)

    def _tidy(self, storage):
        run_dir, sd_id = self._options.run_dir, storage.sd_id
        joined, active = Record(run_dir, sd_id).exists(), False
        if storage.kind == "block":
            storage.activation = activation.Tidying(
                run_dir, sd_id, self._notes.append
            )
            active = storage.activation.left_behind()
        if not joined and not active:
            return
        try:
            with storage.lease() as paths:
                if joined:
                    values = change.look(storage).values
                    request = self._request(storage, paths, values)
                    client.tidy(request, self._progress)
        except errors.Error as e:
            what = "the lockspace joined" if joined else "LVs active"
            self._notes.append(f"a killed run may have left {what}: {e}")

    def _activate(self, storage):
        timeout, progress = self._timeout, self._progress
        storage.activation = self._activation = activation.Activation(
            self._options.run_dir,
            storage.sd_id,
            self._notes.append,
            timeout,
            lambda: client.require_daemon(storage.sd_id, timeout, progress),
            progress,
        )

    def _take_lease(self, storage, paths, values):
        local = storage.kind == "file" and values.get("TYPE") == _LOCAL
        if local:
            mount = mount_of(paths.ids, mounts.table())
            if filesystems.is_private(mount):
                return self._take_local(storage, paths)
        self._leased = True
        request = self._request(storage, paths, values)
        if local:
            return self._take_in_spite_of_type(request, mount)
        return client.take(request, self._progress)

    @contextlib.contextmanager
    def _take_local(self, storage, paths):
        with lease_local.take(
            storage.sd_id,
            paths.ids,
            self._timeout,
            self._progress,
            self._options.io_timeout,
        ) as held:
            # By a link that could not be followed before it is elsewhere.
            mount = mounts.of_file(held.fd)
            if not filesystems.is_private(mount):
                reason = f"{paths.ids}: {_shared(mount)}"
                raise errors.WriteFailed(storage.sd_id, "lease", reason)
            yield held

    @contextlib.contextmanager
    def _take_in_spite_of_type(self, request, mount):
        """
        sanlock's lease of a domain that says it is local and need not be. One
        that really is has no lockspace, and is told so.
        """
        try:
            with client.take(request, self._progress) as held:
                yield held
        except errors.SanlockFailed as e:
            reason = (
                f"{e.reason}; a domain of TYPE={_LOCAL} has no lockspace, but"
                f" its lock on this host is not enough: {_shared(mount)}"
            )
            raise errors.SanlockFailed(e.action, reason)

    def _request(self, storage, paths, values):
        alignment, sector = change.geometry(values, storage.sd_id)
        uid, gid = storage.io_user or (None, None)
        timeout = self._timeout
        if self._activation and self._activation.waited:
            left = math.ceil(timeout - self._activation.waited)
            timeout = max(1, left)
        return client.Request(
            sd_id=storage.sd_id,
            ids=paths.ids,
            leases=paths.leases,
            # lib/vdsm/storage/sd.py, SDM_LEASE_SLOT: the second slot.
            offset=1 * alignment,
            align=alignment,
            sector=sector,
            host_id=self._options.host_id,
            timeout=timeout,
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


def _shared(mount):
    """Why another host may have what is on a mount."""
    if mount is None:
        return "it is on no known mount, and other hosts may have it"
    fs_type = printable(mount.fs_type)
    return f"it is on {fs_type}, which other hosts may have"
