# SPDX-License-Identifier: GPL-2.0-or-later
"""
No lost flag: each transaction on domain metadata starts from storage.

VDSM keeps the metadata of a domain in a PersistentDict
(lib/vdsm/storage/persistent.py). transaction() starts from what the dict has
in memory, if that is valid, and writes all of it back. So it removes what
others have written since the dict was read. One domain has several live dicts
in one VDSM: the monitor drops one and makes another, sdCache has its own, and
the pool's metadata shares that of the master domain. And a metadata file that
is missing for a moment reads as an empty dict, without an error.

Three wrappers mend that for all of VDSM at once, for its own changes and for
ours. Reads outside of a transaction stay as they are.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import os
import threading
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.guard import audit
from vdsm_backup.metadata import domain, flag

if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Mapping

    from vdsm_backup.plugin.vdsm_types import (
        Function,
        MetadataRW,
        PersistentDict,
    )

# Lines without these keys are no metadata. VDSM itself writes them when it
# creates a domain, in one update(), and never removes them: fileSD.py
# _prepareMetadata(), blockSD.py create().
IDENTITY = ("VERSION", "SDUUID")

# Seconds. How long a metadata file which is missing, or stale, may take to
# come back while another host replaces it, and the pause between two attempts.
RETRY_FOR: float = 10
RETRY_EVERY = 0.5
_AWAY = (errno.ENOENT, errno.ESTALE)

# By UUID of a domain.
_locks: dict[str | None, threading.RLock] = {}
_locks_guard = threading.Lock()


class _Thread(threading.local):
    """Of this thread: the dict that gets the metadata of a new domain."""

    creating: PersistentDict | None = None


_thread = _Thread()


def lock_of(sd_id: str | None) -> threading.RLock:
    """The lock of all transactions of a domain in this process."""
    with _locks_guard:
        return _locks.setdefault(sd_id, threading.RLock())


def domain_of(rw: MetadataRW) -> str | None:
    """
    The UUID of the domain that a reader and writer is for. FileMetadataRW has
    the UUID, and VGTagMetadataRW the VG, which has the UUID as its name.
    """
    return getattr(rw, "_sdUUID", None) or getattr(rw, "_vgName", None)


def transaction(original: Function) -> Function:
    """
    Wraps PersistentDict.transaction, a context manager: what its body changes
    in the dict is written to storage when the body ends, and rolled back if it
    raises. A transaction inside another one joins it.

    The outermost one now reads storage first, under one lock for each domain,
    and fails if there is no metadata. Must not break: nested transactions; the
    rollback of the original; creation of a domain, which begins with nothing
    on storage.
    """

    @contextlib.contextmanager
    @functools.wraps(original)
    def from_storage(self: PersistentDict) -> Iterator[None]:
        with lock_of(domain_of(self._metaRW)):
            with _read_first(self), original(self):
                yield

    return from_storage


def update(original: Function) -> Function:
    """
    Wraps PersistentDict.update, which sets several keys in one transaction.

    An update that has all keys of IDENTITY is the creation of a domain.
    Nothing else may begin with no metadata on storage, so the transaction in
    it is told (_is_creation()). Must not break: the update itself, which the
    original does.
    """

    @functools.wraps(original)
    def noticing(self: PersistentDict, metadata: Mapping[str, Any]) -> None:
        if not set(IDENTITY) <= set(metadata):
            return original(self, metadata)
        _thread.creating = self
        try:
            return original(self, metadata)
        finally:
            _thread.creating = None

    return noticing


def flush(original: Function) -> Function:
    """
    Wraps PersistentDict._flush, which writes all keys to storage at the end of
    a transaction.

    Refuses to write what is no metadata: the last line of defence, whatever a
    transaction began with. Tells the journal of a flagged domain that becomes
    the master. Must not break: any write of a domain's metadata.
    """

    @functools.wraps(original)
    def requiring(self: PersistentDict, overrideMD: Mapping[str, Any]) -> None:
        missing = _missing(overrideMD)
        if missing:
            raise _not_metadata(self._metaRW, f"would write no {missing}")
        result = original(self, overrideMD)
        tell_of_master(overrideMD)
        return result

    return requiring


def tell_of_master(values: Mapping[str, Any]) -> None:
    """
    Tell the journal if a domain with this metadata is flagged, and is the
    master of its pool. Never fails.
    """
    sd_id = values["SDUUID"]
    try:
        flagged = flag.read(values, sd_id).value
    except errors.InvalidFlag:
        # verify and the guard tell of it.
        return
    if flagged and domain.is_master(values):
        audit.master(sd_id, values.get("DESCRIPTION") or sd_id)
    else:
        audit.no_master(sd_id)


def fresh_lines(rw: MetadataRW) -> list[str]:
    """
    The lines on storage now, by VDSM's own I/O. An empty list while the file
    is away.

    The directory of a file is listed first: without it NFS clients give the
    old content, or ENOENT, for up to half a minute after another host has
    replaced the file.
    """
    try:
        _list_directory(rw)
        return rw.readlines()
    except OSError as e:
        if e.errno not in _AWAY:
            raise
        return []


def _list_directory(rw: MetadataRW) -> None:
    metafile = getattr(rw, "_metafile", None)
    if metafile:
        directory = glob.escape(os.path.dirname(metafile))
        rw._oop.glob.glob(os.path.join(directory, "*"))


@contextlib.contextmanager
def _read_first(md: PersistentDict) -> Iterator[None]:
    """
    The dict has what is on storage when the body begins, and no other thread
    reads storage into it while the body runs. A transaction inside another
    one reads nothing.
    """
    if md._inTransaction:
        # The outer one is of this thread, which has the lock of the domain.
        yield
        return
    deadline = time.monotonic() + RETRY_FOR
    while True:
        with md._syncRoot:
            problem = _read(md)
            if problem is None or _is_creation(md):
                yield
                return
            # Whoever uses the dict next shall read storage again.
            md.invalidate()
        if time.monotonic() >= deadline:
            raise _not_metadata(md._metaRW, problem)
        time.sleep(RETRY_EVERY)


def _read(md: PersistentDict) -> str | None:
    """
    Read storage into the dict. Returns why there is no metadata, or None.
    Raises what VDSM's own reading raises.
    """
    try:
        _list_directory(md._metaRW)
        md._refresh()
    except OSError as e:
        if e.errno not in _AWAY:
            raise
        return e.strerror
    missing = _missing(md._metadata)
    return f"it has no {missing}" if missing else None


def _is_creation(md: PersistentDict) -> bool:
    """Whether this is the first write to a domain that has no metadata."""
    return _thread.creating is md and md._isValid and not md._metadata


def _missing(values: Iterable[str]) -> str:
    """The keys of IDENTITY that are not there, "" if all are."""
    return " and ".join(key for key in IDENTITY if key not in values)


def _not_metadata(rw: MetadataRW, problem: str | None) -> Exception:
    from vdsm.storage import exception as se

    # The engine calls the verbs that end here. With an error code that is not
    # in the list of its BrokerCommandBase it would stop the SPM and try
    # another host. The code of this error is in that list.
    source = getattr(rw, "_metafile", None) or f"tags of VG {domain_of(rw)}"
    return se.StorageDomainMetadataNotFound(
        domain_of(rw), f"{source}: {problem}"
    )
