# SPDX-License-Identifier: GPL-2.0-or-later
"""
The SDM lease of an attached domain, as StoragePool.attachSD takes it.

The SPM holds it on the master domain already. On another one the host id is
usually there, since the domain is monitored; one that we had to acquire is
released, unless the monitor came to use it meanwhile: releasing a host id
kills whoever holds a lease with it, VMs too.
"""

import contextlib

from vdsm_backup import errors


@contextlib.contextmanager
def taken(pool, domain):
    """
    The lease, for the body. Raises LeaseBusy, SanlockFailed.
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
def _host_id(pool, domain):
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


def _acquire(pool, domain):
    from vdsm.storage import exception as se

    try:
        domain.acquireClusterLock(pool.id)
    except se.AcquireLockFailure as e:
        raise errors.LeaseBusy(domain.sdUUID, f"somebody else: {e}") from e
    except se.AcquireHostIdFailure as e:
        raise errors.SanlockFailed("take the SDM lease", str(e)) from e
