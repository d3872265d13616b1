# SPDX-License-Identifier: GPL-2.0-or-later
"""
StorageDomain.setBackup and StorageDomain.getBackup, and `backup` in getInfo.

A verb of VDSM goes through several layers. Ours has one function in each:

    API.StorageDomain.setBackup          called by the bridge (JSON-RPC)
    HSM.setStorageDomainBackup           arguments and locks
    StoragePool.setSDBackup              only on the SPM
    change.change                        the change, in the World below
"""

from __future__ import annotations

import contextlib
import functools
import logging
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.change import attempt as attempts
from vdsm_backup.change import audit, change, history
from vdsm_backup.change.attempt import Attempt
from vdsm_backup.change.request import Request
from vdsm_backup.host import hosted_engine
from vdsm_backup.metadata import domain as metadata_domain
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.plugin import (
    caller,
    lease,
    metadata,
    storage,
    vdsm_errors,
    vms,
)
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

    from vdsm_backup.change.world import Lease, Users
    from vdsm_backup.plugin.storage import VdsmStorage
    from vdsm_backup.plugin.vdsm_types import (
        ApiStorageDomain,
        Function,
        Hsm,
        Response,
        StoragePool,
    )

log = logging.getLogger("vdsm_backup")

_BOOLEANS = {True: True, False: False, "true": True, "false": False}


# API.StorageDomain


def api_set(
    self: ApiStorageDomain,
    storagedomainID: str,
    backup: object,
    reason: object,
    expected: object = None,
    by: object = None,
) -> Response:
    """Added as API.StorageDomain.setBackup."""
    return self._irs.setStorageDomainBackup(
        storagedomainID, backup, reason, expected, by
    )


def api_get(self: ApiStorageDomain, storagedomainID: str) -> Response:
    """Added as API.StorageDomain.getBackup."""
    return self._irs.getStorageDomainBackup(storagedomainID)


# HSM


def hsm_set(config_path: str | None) -> Function:
    """
    Added as HSM.setStorageDomainBackup. hsm.public() makes the dispatcher
    expose it, and run it as a task of VDSM that has the locks it takes.

    config_path: of the configuration file; None for the host's own.
    """
    from vdsm.common.threadlocal import vars
    from vdsm.storage import hsm

    def setStorageDomainBackup(
        self: Hsm,
        sdUUID: str,
        backup: object,
        reason: object,
        expected: object = None,
        by: object = None,
    ) -> dict[str, Any]:
        with vdsm_errors.as_vdsm():
            # First: a client asks by an invalid `by` whether it is taken, and
            # everything else may be invalid then, too.
            who, notes = caller.who(by)
            request = _request(backup, reason, expected)
            with _told(sdUUID, request, who) as attempt:
                options = config.load(config_path)
                domain = storage.open_domain(sdUUID)
                lines = domain.read()
                attempt.sees(lines)
                pool_id = metadata_domain.check(lines, sdUUID).pool
                _require_attached(sdUUID, pool_id)
                # In the order in which attach takes them. While we have the
                # pool's lock the SPM is not stopped and the domain not moved.
                # The domain's is a shared one: an exclusive lock would wait
                # for each copy of a disk. The third lock is ours alone: one
                # change at a time.
                vars.task.getSharedLock(hsm.STORAGE, pool_id)
                vars.task.getSharedLock(hsm.STORAGE, sdUUID)
                vars.task.getExclusiveLock(hsm.STORAGE, f"{sdUUID}_backup")
                pool = self.getPool(pool_id)
                _require_spm(pool)
                result = pool.setSDBackup(domain, request, options, attempt)
                result["notes"] += notes
                return {"result": result}

    return hsm.public(setStorageDomainBackup)


def hsm_get(config_path: str | None) -> Function:
    """
    Added as HSM.getStorageDomainBackup. Any host answers it, and whether the
    domain is attached does not matter.
    """
    from vdsm.common.threadlocal import vars
    from vdsm.storage import hsm

    def getStorageDomainBackup(self: Hsm, sdUUID: str) -> dict[str, Any]:
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


def get_storage_domain_info(original: Function) -> Function:
    """
    Wraps HSM.getStorageDomainInfo, which answers the verb getInfo. It first
    validates the domain, which reads the metadata from storage.

    Adds `backup`, if it is known; the engine throws away keys that it does not
    know. Must not break: getInfo never fails for our sake, reads storage no
    second time, and keeps all other keys.
    """

    @functools.wraps(original)
    def with_flag(self: Hsm, sdUUID: str) -> dict[str, Any]:
        result = original(self, sdUUID)
        value = _flag_in_memory(sdUUID)
        if value is not None:
            result["info"]["backup"] = value
        return result

    return with_flag


def _flag_in_memory(sd_id: str) -> bool | None:
    """The flag in VDSM's copy of the metadata; None if it is not known."""
    from vdsm.storage.sdc import sdCache

    try:
        values = storage.dictionary(sdCache.produce(sd_id)).copy()
        if not set(metadata.IDENTITY) <= set(values):
            return None
        metadata.tell_of_master(values)
        return flag.read(values, sd_id).value
    except Exception as e:
        # Whatever it is: callers of getInfo want the other keys.
        log.warning("No backup flag in the info of domain %s: %s", sd_id, e)
        return None


# StoragePool


def pool_set(config_path: str | None) -> Function:
    """
    Added as StoragePool.setSDBackup.

    The decorator of the class, which makes all methods refuse a host that is
    not the SPM, has worked when the class was made. So that is done here by
    hand: the method raises SecureError, which VDSM answers with 654.
    """
    from vdsm.storage import securable

    def setSDBackup(
        self: StoragePool,
        domain: VdsmStorage,
        request: Request,
        options: config.Config,
        attempt: Attempt,
    ) -> dict[str, Any]:
        self._assert_sd_in_pool(domain.sd_id)
        world = _World(self, domain, options, attempt)
        result = change.change(domain, request, world)
        if result.destroyed:
            raise result.destroyed
        notes = [*result.notes, *audit.done(attempt, result)]
        found = flag.read(md_lines.parse(result.lines).values, domain.sd_id)
        log.info(
            "Backup flag of domain %s: %s, changed: %s",
            domain.sd_id,
            found,
            result.changed,
        )
        shown = {"changed": result.changed, "notes": notes}
        return {**shown, **_shown(found)}

    return securable._secure_method(setSDBackup)


class _World:
    """The change.world.World of a domain, which is VDSM here."""

    def __init__(
        self,
        pool: StoragePool,
        domain: VdsmStorage,
        options: config.Config,
        attempt: Attempt,
    ) -> None:
        self.attempt = attempt
        self._pool = pool
        self._domain = domain
        self.history = history.History(options.history_dir)
        self.settle: float = options.settle

    def progress(self, text: str) -> None:
        log.debug("%s", text)

    @contextlib.contextmanager
    def lease(self, values: Mapping[str, str]) -> Iterator[Lease]:
        with lease.taken(self._pool, self._domain.domain):
            self.attempt.host_id = self._pool.id
            yield _Lease(self._domain, self.attempt)

    def users(self) -> Users:
        return vms.find(self._domain.sd_id)

    def is_hosted_engine(self) -> bool:
        return hosted_engine.is_hosted_engine(self._domain.sd_id)

    def require_may_write(self, pool: str, request: Request) -> None:
        """VDSM writes domains of the pool that the verb has locked."""
        _require_attached(self._domain.sd_id, pool)
        if pool != self._pool.spUUID:
            raise errors.MetadataChanged(self._domain.sd_id)


class _Lease:
    """The change.world.Lease that a _World gives."""

    def __init__(self, domain: VdsmStorage, attempt: Attempt) -> None:
        self._domain = domain
        self._attempt = attempt

    def write(self, old: list[str] | None, new: list[str]) -> list[str]:
        with self._attempt.write():
            self._attempt.begins()
            lines = self._domain.write(old, new)
            self._attempt.written(lines)
        return lines


@contextlib.contextmanager
def _told(sd_id: str, request: Request, who: str) -> Iterator[Attempt]:
    """
    A context in which a change is made. Tells the journal if it fails, also
    by an error of VDSM; StoragePool.setSDBackup tells if it does not.
    """
    attempt = Attempt(request.action, request.reason, who, attempts.VDSM)
    attempt.sd_id = sd_id
    try:
        yield attempt
    except Exception as e:
        audit.ended(attempt, e)
        raise


def _require_spm(pool: StoragePool) -> None:
    """
    The same as the decorator of StoragePool requires, which VDSM logs as a
    fault.
    """
    from vdsm.common.exception import expected
    from vdsm.storage import exception as se

    try:
        pool.validateSPM()
    except se.SpmStatusError as e:
        raise expected(e)


def _require_attached(sd_id: str, pool_id: str) -> None:
    if not pool_id:
        raise errors.DomainDetached(sd_id)


# Arguments and results


def _request(backup: object, reason: object, expected: object) -> Request:
    """Raises InvalidArgument, InvalidReason."""
    value = _boolean("backup", backup)
    known = None if expected is None else _boolean("expected", expected)
    if not isinstance(reason, str):
        raise errors.InvalidReason("it is no text")
    return Request(
        action="set" if value else "clear",
        reason=flag.require_reason(reason),
        expected=known,
    )


def _boolean(name: str, value: object) -> bool:
    """A parameter of a verb. VDSM's command line client sends strings."""
    if isinstance(value, (bool, str)) and value in _BOOLEANS:
        return _BOOLEANS[value]
    problem = f"{printable(repr(value))} is neither true nor false"
    raise errors.InvalidArgument(name, problem)


def _shown(found: flag.Flag) -> dict[str, Any]:
    return {
        "backup": found.value,
        "reason": found.reason,
        "by": found.by,
        "since": found.since,
    }
