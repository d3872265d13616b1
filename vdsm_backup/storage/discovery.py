# SPDX-License-Identifier: GPL-2.0-or-later
"""
Finds the storage domains that this host can see.

All sources (sources.py) are scanned side by side. A source that does not
answer never delays one that does.
"""

from __future__ import annotations

import functools
import os
import threading
import time

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.processes.jobs import Jobs, telling
from vdsm_backup.storage import incomplete
from vdsm_backup.storage.file import DOM_MD
from vdsm_backup.storage.meant import Meant, ambiguous
from vdsm_backup.storage.sources import Failure, Sources, no_answer
from vdsm_backup.text import is_uuid, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, TypeVar

    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Options, Storage
    from vdsm_backup.storage.sources import Found

    T = TypeVar("T")

# Seconds that other sources may still take when the domain was found: a
# second copy of it is worth waiting for, a hung mount is not.
GRACE = 2


class Discovery:
    """
    Finds the domains that a configuration lets this host see.

    sources: what was scanned.
    failures: those of the last search for one domain.
    """

    def __init__(self, options: Options, slow: Slow | None = None) -> None:
        """
        slow: called with the sources, directories or devices that a search
            still waits for, see Jobs.
        """
        self.sources = Sources(options)
        self.failures: list[Failure] = []
        self._slow = slow
        self._timeout = options.io_timeout

    def all(self) -> Found:
        """(storages, failures) of all sources, in a stable order."""
        return self._scan(lambda storage: True)

    def find(
        self, domain: str, patient: bool = False, command: str = ""
    ) -> tuple[Storage, list[Failure]]:
        """
        (storage, failures) of one domain by its UUID, or by its name.

        patient: wait for all sources as long as they may take, since a second
            copy of the domain could be on the slow one.
        command: the command that needs the domain. It is shown with --path if
            one storage is found in several places.

        Raises DomainNotFound, AmbiguousDomain; DomainUnseen if the domain may
        be where a source failed; DomainUncertain if another one there may
        have the same name, too; and if the domain was not found, the error of
        the place where it can only be.
        """
        wanted = Meant(domain)
        found, failures = self._places(wanted, patient)
        return wanted.one(found, failures, command), failures

    def places(self, domain: str, patient: bool = False) -> Found:
        """
        (storages, failures) of all places where a domain of this UUID or name
        is found, or may be. patient: as of find().
        """
        return self._places(Meant(domain), patient)

    def _places(self, wanted: Meant, patient: bool) -> Found:
        # Of names any number may be the same.
        enough = wanted.is_uuid and not patient
        found, self.failures = wanted.sift(
            *self._scan(wanted, lambda found: enough and bool(found))
        )
        return found, self.failures

    def twins(self, storage: Storage) -> Found:
        """
        (storages, failures): other places of the same UUID, of which only the
        lease can tell whether they are this storage; and sources in which a
        copy may be.

        Raises AmbiguousDomain if there is a copy of this storage. It has the
        same lockspace, and the same name of its VG or directory, so that a
        change could go to either. Raises what the reading of a place does.
        """
        found, failures = self.places(storage.sd_id, patient=True)
        twins = []
        for other in found:
            if other.found_at == storage.found_at:
                continue
            with telling([storage.found_at, other.found_at], self._slow):
                same = storage.is_same(other)
            if same is None:
                twins.append(other)
            elif not same:
                raise ambiguous(storage.sd_id, [storage, other])
        return twins, failures

    def at_path(self, path: str) -> Found:
        """
        The domain of a directory, or the domains of a mount; and which of
        them could not be looked at.

        Raises DomainNotFound, MetadataUnreadable, StorageTimeout, and what
        Sources.mounts() does.
        """
        path = os.path.abspath(path)
        return self._alone(path, lambda: self._at_path(path))

    def _at_path(self, path: str) -> Found:
        io = self.sources.io(path)
        try:
            names = io.listdir(path)
            if DOM_MD in names:
                self.sources.scanned.append(path)
                return [self._domain_directory(path, io)], []
            gone = self._without_dom_md(path, names)
            if gone:
                return [], [gone]
            found, failures = self.sources.scan_mount(path, io)
        except PermissionError as e:
            if self.sources.needs_root:
                raise self.sources.needs_root
            if path in self.sources.mounts():
                reason = fileio.why(e, path)
                raise errors.MetadataUnreadable(printable(path), reason)
            # It may be any directory, and nobody should chown it by a hint.
            text = (
                f"Cannot look for a domain in {printable(path)}: user"
                f" {os.geteuid()}, who reads storage, may not enter it"
            )
            hint = "name the directory of a domain, or of what is mounted"
            code = errors.MetadataUnreadable.code
            raise errors.from_text(code, text, hints=[hint])
        except (FileNotFoundError, NotADirectoryError):
            # Nothing is wrong with the storage.
            what = f"in {printable(path)}, which is no directory,"
            raise errors.DomainNotFound(what)
        except (OSError, fileio.Closed) as e:
            raise errors.MetadataUnreadable(
                printable(path), fileio.why(e, path)
            )
        except fileio.Timeout:
            raise errors.StorageTimeout(path, self._timeout)
        if not (found or failures):
            raise errors.DomainNotFound(f"under {printable(path)}")
        return found, failures

    def _without_dom_md(self, path: str, names: list[str]) -> Failure | None:
        """The Failure of a directory that was that of a domain."""
        name = os.path.basename(path)
        error = None
        if is_uuid(name):
            nothing = incomplete.NOTHING
            error = incomplete.problem(name, path, nothing, names)
        return Failure(path, error, sd_id=name) if error else None

    def _domain_directory(self, path: str, io: FileIO) -> Storage:
        name = os.path.basename(path)
        if not is_uuid(name):
            what = f"in {printable(path)}, whose name is no UUID,"
            raise errors.DomainNotFound(what)
        return self.sources.file(name, path, io)

    def at_device(self, device: str) -> list[Storage]:
        """
        The domains on one block device.

        Raises DomainNotFound, the error of the device.
        """
        found, failures = self._alone(
            device, lambda: self.sources.scan_devices([device])
        )
        if failures:
            error = failures[0].error
            if isinstance(error, errors.LvmFailed):
                error.is_configured = device in self.sources.configured
            raise error
        if not found:
            raise errors.DomainNotFound(f"on {printable(device)}")
        return found

    def _alone(self, source: str, scan: Callable[[], T]) -> T:
        """What scan() of one source returns or raises."""
        running = Jobs({source: scan}, self._slow)
        # It ends by its own timeouts.
        _, found, error = next(running.results(lambda: threading.TIMEOUT_MAX))
        if error:
            raise error
        result: T = found
        return result

    def _scan(
        self,
        wanted: Callable[[Storage], bool],
        enough: Callable[[list[Storage]], bool] = lambda found: False,
    ) -> Found:
        """
        Scan all sources side by side. When `enough` says so, those that are
        left get GRACE.
        """
        jobs = {
            source: functools.partial(_filtered, scan, wanted)
            for source, scan in self.sources.scans().items()
        }
        running = Jobs(jobs, self._slow)
        # A job scans and then reads. Both end by their own timeouts before
        # this.
        timeout = self._timeout
        end = time.monotonic() + 2 * timeout + GRACE
        limit = [end]
        found: list[Storage] = []
        failures: list[Failure] = []
        for _, result, error in running.results(lambda: limit[0]):
            if error:
                raise error
            found += result[0]
            failures += result[1]
            if enough(found):
                limit[0] = min(end, time.monotonic() + GRACE)
        failures += [no_answer(name, timeout) for name in running.waiting]
        found.sort(key=lambda storage: (storage.sd_id, storage.found_at))
        failures.sort(key=lambda failure: failure.source)
        return found, failures


def _filtered(
    scan: Callable[[], Found], wanted: Callable[[Storage], bool]
) -> Found:
    """
    Scan a source, and keep the wanted storages. The thread of the source
    does both, since `wanted` may read.
    """
    return filtered(scan(), wanted)


def filtered(found: Found, wanted: Callable[[Storage], bool]) -> Found:
    """
    The storages that are wanted. One of which that cannot be told, since
    `wanted` raises one of our errors, becomes a failure.
    """
    storages, failures = found[0], list(found[1])
    kept = []
    for storage in storages:
        try:
            if wanted(storage):
                kept.append(storage)
        except errors.Error as e:
            failures.append(
                Failure(storage.found_at, e, storage.kind, storage.sd_id)
            )
    return kept, failures
