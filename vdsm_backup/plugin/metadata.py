# SPDX-License-Identifier: GPL-2.0-or-later
"""
No lost flag: each transaction on domain metadata starts from storage.

VDSM keeps the metadata of a domain in a PersistentDict
(lib/vdsm/storage/persistent.py). transaction() starts from what the dict has
in memory, if that is valid, and writes all of it back, so it removes what
others wrote meanwhile. One domain has several live dicts in one VDSM: the
monitor drops one and makes another, sdCache has its own, and the pool's
metadata shares that of the master domain. And a metadata file that is missing
for a moment reads as an empty dict, without an error.

Three wrappers mend that for all of VDSM at once, for its own changes and for
ours. Reads outside of a transaction stay as they are.
"""

import contextlib
import errno
import functools
import glob
import os
import threading
import time

# Without them it is no metadata. VDSM itself writes them when it creates a
# domain, in one update(), and never removes them: fileSD.py
# _prepareMetadata(), blockSD.py create().
IDENTITY = ("VERSION", "SDUUID")

# Seconds that a metadata file which is missing, or stale, may take to come
# back while another host replaces it, and between two attempts.
RETRY_FOR = 10
RETRY_EVERY = 0.5
_AWAY = (errno.ENOENT, errno.ESTALE)

_locks: dict = {}
_locks_guard = threading.Lock()
_creating = threading.local()


def lock_of(domain):
    """The lock of all transactions of a domain in this process."""
    with _locks_guard:
        return _locks.setdefault(domain, threading.RLock())


def domain_of(rw):
    """
    The domain whose metadata a reader and writer is for: FileMetadataRW has
    its UUID, and VGTagMetadataRW the VG, which has the same name.
    """
    return getattr(rw, "_sdUUID", None) or getattr(rw, "_vgName", None)


def transaction(original):
    """
    Wraps PersistentDict.transaction: the outermost one reads storage first,
    under one lock a domain, and fails if that has no metadata.

    Must not break: nested transactions, which join the outer one; the
    rollback of the original; creation of a domain, which begins with nothing
    on storage.
    """

    @contextlib.contextmanager
    @functools.wraps(original)
    def from_storage(self):
        with lock_of(domain_of(self._metaRW)):
            with _started(self), original(self):
                yield

    return from_storage


def update(original):
    """
    Wraps PersistentDict.update: one that has all that makes metadata is the
    creation of a domain, the only thing that may begin with nothing.

    Must not break: the update itself, which the original does.
    """

    @functools.wraps(original)
    def known(self, metadata):
        if not set(IDENTITY) <= set(metadata):
            return original(self, metadata)
        _creating.dict = self
        try:
            return original(self, metadata)
        finally:
            _creating.dict = None

    return known


def flush(original):
    """
    Wraps PersistentDict._flush: what is no metadata is never written.

    The last line of defence, whatever a transaction began with. Must not
    break: any write of a whole domain.
    """

    @functools.wraps(original)
    def whole(self, overrideMD):
        missing = _missing(overrideMD)
        if missing:
            raise _not_metadata(self._metaRW, f"would write no {missing}")
        return original(self, overrideMD)

    return whole


def fresh_lines(rw):
    """
    The lines on storage now, by VDSM's own I/O; none while the file is away.

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


def _list_directory(rw):
    metafile = getattr(rw, "_metafile", None)
    if metafile:
        directory = glob.escape(os.path.dirname(metafile))
        rw._oop.glob.glob(os.path.join(directory, "*"))


@contextlib.contextmanager
def _started(md):
    """The dict has what is on storage, and nobody else reads it into it."""
    if md._inTransaction:
        # In this thread, which has the lock of the domain.
        yield
        return
    deadline = time.monotonic() + RETRY_FOR
    while True:
        with md._syncRoot:
            problem = _read(md)
            if problem is None or _is_creation(md):
                yield
                return
            # Who reads it next shall look again.
            md.invalidate()
        if time.monotonic() >= deadline:
            raise _not_metadata(md._metaRW, problem)
        time.sleep(RETRY_EVERY)


def _read(md):
    """Why there is no metadata, or None. Raises what VDSM's read does."""
    try:
        _list_directory(md._metaRW)
        md._refresh()
    except OSError as e:
        if e.errno not in _AWAY:
            raise
        return e.strerror
    missing = _missing(md._metadata)
    return f"it has no {missing}" if missing else None


def _is_creation(md):
    created = getattr(_creating, "dict", None)
    return created is md and md._isValid and not md._metadata


def _missing(values):
    return " and ".join(key for key in IDENTITY if key not in values)


def _not_metadata(rw, problem):
    from vdsm.storage import exception as se

    # The engine calls the verbs that end here. With a code that is not in the
    # list of its BrokerCommandBase it would stop the SPM and try another
    # host; this one is.
    place = getattr(rw, "_metafile", None) or f"tags of VG {domain_of(rw)}"
    return se.StorageDomainMetadataNotFound(
        domain_of(rw), f"{place}: {problem}"
    )
