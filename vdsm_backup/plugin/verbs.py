# SPDX-License-Identifier: GPL-2.0-or-later
"""
StorageDomain.setBackup and StorageDomain.getBackup, and `backup` in getInfo.

A verb takes VDSM's usual way, on each step of it a small function:

    API.StorageDomain.setBackup          what the bridge calls
    HSM.setStorageDomainBackup           arguments and locks
    StoragePool.setSDBackup              SPM only
    change.change                        the story, in the World below
"""

import contextlib
import functools
import logging
import re

from vdsm_backup import config, errors
from vdsm_backup.change import change, history
from vdsm_backup.host import hosted_engine
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import lease, metadata, storage, vdsm_errors, vms
from vdsm_backup.text import printable

log = logging.getLogger("vdsm_backup")

_BOOLEANS = {True: True, False: False, "true": True, "false": False}


# API.StorageDomain


def api_set(self, storagedomainID, backup, reason, expected=None):
    """Added as API.StorageDomain.setBackup."""
    return self._irs.setStorageDomainBackup(
        storagedomainID, backup, reason, expected
    )


def api_get(self, storagedomainID):
    """Added as API.StorageDomain.getBackup."""
    return self._irs.getStorageDomainBackup(storagedomainID)


# HSM


def hsm_set(path):
    """
    Added as HSM.setStorageDomainBackup; public, so the dispatcher exposes it.

    path: of the configuration; None for the host's own.
    """
    from vdsm.common.threadlocal import vars
    from vdsm.storage import hsm

    def setStorageDomainBackup(self, sdUUID, backup, reason, expected=None):
        with vdsm_errors.as_vdsm():
            request = _request(backup, reason, expected)
            options = config.load(path)
            domain = storage.open_domain(sdUUID)
            pool_id = change.checked(domain).pool
            _require_attached(sdUUID, pool_id)
            # The pool's lock first, as attach takes them: while we have it
            # the SPM is not stopped and the domain is not moved. A shared
            # one: an exclusive lock of the domain would wait for each copy.
            vars.task.getSharedLock(hsm.STORAGE, pool_id)
            vars.task.getSharedLock(hsm.STORAGE, sdUUID)
            vars.task.getExclusiveLock(hsm.STORAGE, f"{sdUUID}_backup")
            pool = self.getPool(pool_id)
            result = pool.setSDBackup(domain, request, options)
            return {"result": result}

    return hsm.public(setStorageDomainBackup)


def hsm_get(path):
    """Added as HSM.getStorageDomainBackup. Any host, attached or not."""
    from vdsm.common.threadlocal import vars
    from vdsm.storage import hsm

    def getStorageDomainBackup(self, sdUUID):
        with vdsm_errors.as_vdsm():
            vars.task.getSharedLock(hsm.STORAGE, sdUUID)
            domain = storage.open_domain(sdUUID)
            md = md_lines.require(domain.read(), sdUUID)
            flag.require_supported(md.values, sdUUID)
            found = flag.read(md.values, sdUUID)
            match = domain.match_origin(found.origin) if found.origin else ""
            shown = {"origin": found.origin, "origin_match": match}
            return {"result": {**_shown(found), **shown}}

    return hsm.public(getStorageDomainBackup)


def info(original):
    """
    Wraps HSM.getStorageDomainInfo: adds `backup`, if it can be read.

    Must not break: getInfo never fails for it, reads storage no second time
    (the original has just validated the domain, which reads its metadata),
    and keeps all else. The engine throws away what it does not know.
    """

    @functools.wraps(original)
    def with_flag(self, sdUUID):
        result = original(self, sdUUID)
        value = _flag_in_memory(sdUUID)
        if value is not None:
            result["info"]["backup"] = value
        return result

    return with_flag


def _flag_in_memory(sd_id):
    from vdsm.storage.sdc import sdCache

    try:
        values = storage.dictionary(sdCache.produce(sd_id)).copy()
        if not set(metadata.IDENTITY) <= set(values):
            return None
        return flag.read(values, sd_id).value
    except Exception as e:
        # Whatever it is: getInfo is asked for other things.
        log.warning("No backup flag in the info of domain %s: %s", sd_id, e)
        return None


# StoragePool


def pool_set(path):
    """
    Added as StoragePool.setSDBackup, and secured by hand: VDSM's decorator of
    the class has done its work when the class was made. Who is not the SPM
    gets SecureError, which VDSM answers with 654.
    """
    from vdsm.storage import securable

    def setSDBackup(self, domain, request, options):
        self._assert_sd_in_pool(domain.sd_id)
        world = _World(self, domain, options)
        result = change.change(domain, request, world)
        found = flag.read(md_lines.parse(result.lines).values, domain.sd_id)
        log.info(
            "Backup flag of domain %s: %s, changed: %s",
            domain.sd_id,
            found,
            result.changed,
        )
        shown = {"changed": result.changed, "notes": list(result.notes)}
        return {**shown, **_shown(found)}

    return securable._secure_method(setSDBackup)


class _World:
    """The change.world.World of a domain, which is VDSM here."""

    def __init__(self, pool, domain, options):
        self._pool = pool
        self._domain = domain
        self.history = history.History(options.history_dir)
        self.who = _caller()
        self.settle = options.settle
        self.progress = log.debug

    @contextlib.contextmanager
    def lease(self, values):
        with lease.taken(self._pool, self._domain.domain):
            yield self._domain

    def users(self):
        return vms.find(self._domain.sd_id)

    def is_hosted_engine(self):
        return hosted_engine.is_hosted_engine(self._domain.sd_id)

    def vdsm_runs(self):
        return True

    def require_may_write(self, pool, request):
        """VDSM writes domains of the pool that the verb has locked."""
        _require_attached(self._domain.sd_id, pool)
        if pool != self._pool.spUUID:
            raise errors.MetadataChanged(self._domain.sd_id)


def _require_attached(sd_id, pool_id):
    if not pool_id:
        raise errors.DomainDetached(sd_id)


def _caller():
    """
    BACKUP_BY. VDSM knows where a call came from, and not which user it was.
    """
    from vdsm.common.threadlocal import vars

    context = getattr(vars, "context", None)
    if not context:
        return flag.changed_by("vdsm", "internal")
    host = re.sub(r"^::ffff:", "", context.client_host)
    return flag.changed_by("api", host)


# Arguments and results


def _request(backup, reason, expected):
    value = _boolean("backup", backup)
    if expected is not None:
        expected = _boolean("expected", expected)
    if not isinstance(reason, str):
        raise errors.InvalidReason("it is no text")
    return change.Request(
        action="set" if value else "clear",
        reason=flag.require_reason(reason),
        expected=expected,
    )


def _boolean(name, value):
    """VDSM's command line client sends strings."""
    if isinstance(value, (bool, str)) and value in _BOOLEANS:
        return _BOOLEANS[value]
    problem = f"{printable(repr(value))} is neither true nor false"
    raise errors.InvalidArgument(name, problem)


def _shown(found):
    return {
        "backup": found.value,
        "reason": found.reason,
        "by": found.by,
        "since": found.since,
    }
