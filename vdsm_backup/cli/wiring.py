# SPDX-License-Identifier: GPL-2.0-or-later
"""
The real world for the layers below, put together: the lease, the writer, the
users of a domain, the history. No other module does this.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import change, write
from vdsm_backup.change.request import Request
from vdsm_backup.cli import copies, maintenance, tidying
from vdsm_backup.cli.who_uses import USERS, who_uses
from vdsm_backup.host import filesystems, hosted_engine, mounts
from vdsm_backup.lease import client
from vdsm_backup.lease import local as lease_local
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lvm import activation
from vdsm_backup.metadata import domain
from vdsm_backup.processes.jobs import telling
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import IDS, FileStorage
from vdsm_backup.text import printable
from vdsm_backup.vm.links import mount_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.config import Config
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import LeasePaths, Storage
    from vdsm_backup.users.users import Users

_LOCAL = lease_local.TYPE


class HostWorld:
    """
    The change.world.World of one domain, on this host; and what is to be
    tidied up after a change.
    """

    def __init__(
        self,
        storage: Storage,
        options: Config,
        timeout: float | None,
        progress: Callable[[str], None],
        attempt: Attempt,
        twins: Sequence[Storage] = (),
        slow: Slow | None = None,
    ) -> None:
        """
        timeout: seconds for the lease. None: the configured ones.
        progress: called with a text for somebody who waits.
        attempt: told how far the change has come.
        twins: of the storage, see Storage.
        slow: called with what is still waited for, see Jobs.
        """
        self.attempt = attempt
        self._twins = twins
        self._storage = storage
        self._options = options
        self._timeout = timeout or options.lease_timeout
        self._leased = False
        self._must_be_inactive = False
        #: The pool that the user says is gone.
        self._gone_pool = ""
        self._activation: activation.Activation | None = None
        self._left = tidying.LeftBehind(storage, options, timeout, progress)
        self._progress = progress
        self._slow = slow
        self._first_look = contextlib.ExitStack()
        self.settle: float = options.settle
        self.history = copies.kept_here(options)

    @contextlib.contextmanager
    def first_look(self) -> Iterator[None]:
        """
        For a change, which begins by reading the domain: that is what is
        waited for, until it looks for users, or tells of something else.
        """
        with self._first_look as first:
            first.enter_context(telling([self._storage.found_at], self._slow))
            yield

    def progress(self, text: str) -> None:
        self._first_look.close()
        self._progress(text)

    def users(self) -> Users:
        self._first_look.close()
        with telling([USERS], self._slow):
            return who_uses(self._storage, self._options)

    def is_hosted_engine(self) -> bool:
        return hosted_engine.is_hosted_engine(self._storage.sd_id)

    def why_vdsm_runs(self) -> str:
        # Here, since a domain in no pool does not depend on it.
        from vdsm_backup.host import vdsm_running

        options = self._options
        return vdsm_running.why(options.vdsm_host, options.vdsm_port)

    def require_may_write(self, pool: str, request: Request) -> None:
        sd_id = self._storage.sd_id
        self._gone_pool = pool if request.pool_is_gone else ""
        change.require_may_write(sd_id, pool, request, self.why_vdsm_runs)

    def require_inactive(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """As reseal.ResealWorld has it."""
        if not self.why_vdsm_runs():
            return ()
        local = values.get("TYPE") == _LOCAL
        return maintenance.require(self._storage.sd_id, local, self._options)

    @contextlib.contextmanager
    def lease_of_inactive(self, values: Mapping[str, str]) -> Iterator[_Lease]:
        """As reseal.ResealWorld has it."""
        self._must_be_inactive = True
        with self.lease(values) as lease:
            # VDSM may have activated it while the lease was taken.
            self.require_inactive(values)
            yield lease

    @contextlib.contextmanager
    def lease(self, values: Mapping[str, str]) -> Iterator[_Lease]:
        storage = self._storage
        if isinstance(storage, BlockStorage):
            self._activation = self._make_activation()
        with storage.lease_paths(self._activation) as paths:
            with self._take_lease(paths, values) as held:
                self.attempt.host_id = held.host_id
                yield _Lease(functools.partial(self._write, held))

    def tidy(self) -> tuple[str, ...]:
        """
        Tidy up what killed runs have left. Nothing is done if this run has
        taken the lease, which does it, too.

        Returns notes on what could not be done, and on what this run leaves
        behind. Raises none of our errors.
        """
        if not self._leased and not self._left.notes:
            self._left.tidy()
        return tuple(self._left.notes)

    def _make_activation(self) -> activation.Activation:
        sd_id, timeout = self._storage.sd_id, self._timeout
        return activation.Activation(
            self._options.run_dir,
            sd_id,
            self._left.note,
            timeout,
            lambda: client.require_daemon(sd_id, timeout, self.progress),
            self.progress,
        )

    def _take_lease(
        self, paths: LeasePaths, values: Mapping[str, str]
    ) -> AbstractContextManager[write.Held]:
        storage, mount = self._storage, None
        local = storage.kind == "file" and values.get("TYPE") == _LOCAL
        if local:
            mount = mount_of(paths.ids, mounts.table())
            # A twin is on a share.
            if filesystems.is_private(mount) and not self._twins:
                return self._take_local(paths)
        self._leased = True
        geometry = domain.geometry(values, storage.sd_id)
        request = self._request(paths, geometry)
        if local:
            return self._take_in_spite_of_type(request, mount)
        return client.take(request, self.progress)

    @contextlib.contextmanager
    def _take_local(self, paths: LeasePaths) -> Iterator[lease_local.Held]:
        sd_id = self._storage.sd_id

        def require_private(fd: int) -> None:
            # The mount was told by the path, without touching storage. A link
            # in the path may have led the open file to another mount.
            mount = mounts.of_file(fd)
            if not filesystems.is_private(mount):
                reason = f"{paths.ids}: {_shared(mount)}"
                raise errors.WriteFailed(sd_id, "lease", reason)

        with lease_local.take(
            sd_id,
            paths.ids,
            self._timeout,
            self.progress,
            self._options.io_timeout,
            require_private,
        ) as held:
            yield held

    @contextlib.contextmanager
    def _take_in_spite_of_type(
        self, request: LeaseRequest, mount: mounts.Mount | None
    ) -> Iterator[client.Held]:
        """
        Take sanlock's lease of a domain whose TYPE says that it is local,
        though other hosts may have its file system. If the domain really is
        local, it has no lockspace and sanlock fails. The error then also says
        why the lock of a local domain is not enough.
        """
        with contextlib.ExitStack() as stack:
            try:
                held = stack.enter_context(client.take(request, self.progress))
            except errors.RunDirFailed:
                raise
            except errors.SanlockFailed as e:
                reason = (
                    f"{e.reason}; a domain of TYPE={_LOCAL} has no lockspace,"
                    " but its lock on this host is not enough:"
                    f" {_shared(mount)}"
                )
                raise errors.SanlockFailed(e.action, reason)
            yield held

    def _request(
        self, paths: LeasePaths, geometry: tuple[int, int]
    ) -> LeaseRequest:
        storage = self._storage
        alignment, sector = geometry
        uid, gid = storage.io_user or (None, None)
        timeout = self._timeout
        if self._activation and self._activation.waited:
            left = math.ceil(timeout - self._activation.waited)
            timeout = max(1, left)
        return LeaseRequest(
            sd_id=storage.sd_id,
            ids=paths.ids,
            leases=paths.leases,
            # The second slot: SDM_LEASE_SLOT in lib/vdsm/storage/sd.py.
            offset=1 * alignment,
            align=alignment,
            sector=sector,
            host_id=self._options.host_id,
            timeout=timeout,
            run_dir=os.path.abspath(self._options.run_dir),
            require_alone=True,
            gone_pool=self._gone_pool,
            dump_uid=uid,
            dump_gid=gid,
            require_not_joined=self._must_be_inactive,
            same_storage=[
                os.path.join(twin.dom_md, IDS)
                for twin in self._twins
                if isinstance(twin, FileStorage)
            ],
            note=self._left.note,
        )

    def _write(
        self, held: write.Held, old: list[str] | None, new: list[str]
    ) -> list[str]:
        attempt, timeout = self.attempt, self._options.io_timeout
        with attempt.write():
            lines = write.run(
                self._storage, old, new, held, timeout, attempt.at_step
            )
            attempt.written(lines)
        return lines


class _Lease:
    """The change.world.Lease that a HostWorld gives."""

    def __init__(
        self, write: Callable[[list[str] | None, list[str]], list[str]]
    ) -> None:
        self.write = write


def _shared(mount: mounts.Mount | None) -> str:
    """Why another host may have what is on a mount."""
    if mount is None:
        return "it is on no known mount, and other hosts may have it"
    fs_type = printable(mount.fs_type)
    return f"it is on {fs_type}, which other hosts may have"
