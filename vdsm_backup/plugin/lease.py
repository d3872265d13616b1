# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of an attached domain, as StoragePool.attachSD takes it.

On the master domain the SPM holds the lease already. On another domain this
host usually has its host id, since VDSM monitors the domain. A host id that we
had to acquire is released, unless VDSM has begun to monitor the domain
meanwhile: releasing a host id kills all processes that have a lease with it,
VMs too.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vdsm_backup import errors

if TYPE_CHECKING:
    from typing import Iterator

    from vdsm_backup.plugin.vdsm_types import StorageDomain, StoragePool


@contextlib.contextmanager
def taken(pool: StoragePool, domain: StorageDomain) -> Iterator[None]:
    """
    Hold the lease while the body runs. Raises LeaseBusy, SanlockFailed.
    """
    if domain.sdUUID == pool.masterDomain.sdUUID:
        yield
        return
    with _host_id(pool, domain):
        _acquire(pool, domain)
        try:
            yield
        finally:
            domain.releaseClusterLock()


@contextlib.contextmanager
def _host_id(pool: StoragePool, domain: StorageDomain) -> Iterator[None]:
    """Have the host id in the domain's lockspace while the body runs."""
    from vdsm.storage import exception as se

    if domain.hasHostId(pool.id):
        yield
        return
    try:
        domain.acquireHostId(pool.id)
    except se.AcquireHostIdFailure as e:
        raise errors.SanlockFailed("join the lockspace", str(e)) from e
    try:
        yield
    finally:
        if not pool.domainMonitor.isMonitoring(domain.sdUUID):
            domain.releaseHostId(pool.id)


def _acquire(pool: StoragePool, domain: StorageDomain) -> None:
    from vdsm.storage import exception as se

    try:
        domain.acquireClusterLock(pool.id)
    except se.AcquireLockFailure as e:
        raise errors.LeaseBusy(domain.sdUUID, f"somebody else: {e}") from e
    except se.AcquireHostIdFailure as e:
        raise errors.SanlockFailed("take the SDM lease", str(e)) from e
