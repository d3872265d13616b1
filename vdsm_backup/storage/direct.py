# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading one storage domain by the shortest way, for a VM that needs it now.

Only the domain's own mount or devices are touched: other storage that hangs
cannot refuse the VM then.

- A file domain is read through a FileIO of its own.
- A block domain is read by one lvm command, limited to the devices under its
  active LVs, which sysfs knows. The VM would run from these devices, also
  where a replica is beside them. If the LVs are not active, or these devices
  do not have the VG's metadata, the configured devices come next.
- A domain of which only the UUID is known is looked for in VDSM's links in
  repo_root, then in sysfs, and only then on all storage.

The modules for a kind of domain are imported when there is such a domain: a
hook is a process on the way of every start of a VM.
"""

from __future__ import annotations

import os

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.metadata import flag as md_flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import is_uuid
from vdsm_backup.vm.paths import (
    ANY,
    BLOCK,
    FILE,
    Location,
    NotADomain,
    locations,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.storage.base import Options
    from vdsm_backup.storage.block import BlockStorage


class DirectReader:
    """
    sysfs: the directory where sysfs is mounted. Tests have another one.
    """

    def __init__(self, options: Options, sysfs: str = devices.SYSFS) -> None:
        self._options = options
        self._sysfs = sysfs

    def read(self, location: Location, timeout: float) -> list[str]:
        """
        The lines of a domain's metadata, as they are on storage now.

        timeout: seconds, for each call.

        Raises NotADomain if the location is a candidate and no domain is
        there; what a Reader's read() raises, DomainNotFound, AmbiguousDomain.
        """
        if location.kind == ANY:
            location = self._located(location)
            if location.kind == ANY:
                return self._read_wherever(location)
        if location.kind == FILE:
            return self._read_file(location, timeout)
        return self._read_block(location.domain, timeout)

    def _read_wherever(self, location: Location) -> list[str]:
        """
        Read the domain where the search finds it. That may be several places:
        one storage that is mounted twice, or a replica beside its origin. The
        VM may use any of them, so a flag in one of them counts, and so does
        an error.
        """
        from vdsm_backup.storage.discovery import Discovery

        sd_id = location.domain
        found, failures = Discovery(self._options).places(sd_id)
        if not found and failures:
            raise failures[0].error
        if not found and location.candidate:
            raise NotADomain(sd_id)
        if not found:
            raise errors.DomainNotFound(sd_id)
        error = None
        for storage in found:
            try:
                lines = storage.read()
                if not _is_unflagged(lines, sd_id):
                    return lines
            except errors.Error as e:
                error = error or e
        if error:
            raise error
        return lines

    def _located(self, location: Location) -> Location:
        """
        The location with its kind, if this host knows the kind without
        reading any storage. Otherwise the location as it is.
        """
        repo = self._options.repo_root
        for pool in sorted(filter(is_uuid, _listdir(repo))):
            link = os.path.join(repo, pool, location.domain)
            try:
                target = os.path.join(repo, pool, os.readlink(link))
            except OSError:
                continue
            # The path of a volume that would be in this domain.
            volume = os.path.join(os.path.normpath(target), "images", "x")
            for found in locations(volume, repo):
                if found.domain == location.domain and not found.candidate:
                    return found
        if devices.under_active(location.domain, self._sysfs):
            return Location(location.domain, BLOCK)
        return location

    def _read_file(self, location: Location, timeout: float) -> list[str]:
        from vdsm_backup.fileio import base as fileio
        from vdsm_backup.fileio import choose

        # A location of this kind always has its directory.
        directory = location.directory
        # In VDSM's repository the domain's directory is no link. Elsewhere it
        # may be one, and a link to a flagged domain must not be overlooked.
        base = directory if location.candidate else os.path.dirname(directory)
        try:
            with choose.open(
                self._options.ioprocess, directory, timeout, base
            ) as io:
                try:
                    return self._read_through(io, location, timeout)
                except _Closed:
                    if os.getuid() != 0:
                        # Not ours, then: VDSM cannot use it either.
                        raise NotADomain(directory)
            with choose.open_root_too(directory, timeout, base) as io:
                return self._read_through(io, location, timeout)
        except fileio.Timeout:
            raise errors.StorageTimeout(directory, timeout)
        except (fileio.Closed, OSError) as e:
            raise errors.MetadataUnreadable(location.domain, str(e))

    def _read_through(
        self, io: FileIO, location: Location, timeout: float
    ) -> list[str]:
        from vdsm_backup.storage.file import FileStorage, io_user

        if location.candidate:
            _require_domain(io, location.directory)
        storage = FileStorage(
            location.domain,
            location.directory,
            io,
            timeout,
            io_user(self._options),
        )
        return storage.read()

    def _read_block(self, sd_id: str, timeout: float) -> list[str]:
        narrow = devices.under_active(sd_id, self._sysfs)
        if narrow:
            try:
                return self._block(sd_id, narrow, timeout).read()
            except (errors.DomainNotFound, errors.LvmFailed):
                # The PV that has the VG's metadata may be under no active LV.
                pass
        names = devices.configured_or_multipath(self._options.lvm_devices)
        return self._block(sd_id, names, timeout).read()

    def _block(
        self, sd_id: str, names: Sequence[str], timeout: float
    ) -> BlockStorage:
        from vdsm_backup.lvm.vgs import Lvm
        from vdsm_backup.storage.block import BlockStorage

        return BlockStorage(sd_id, Lvm(names, timeout))


class _Closed(PermissionError):
    """Whether a candidate is a domain is not for this user to see."""


def _require_domain(io: FileIO, directory: str) -> None:
    """Raises NotADomain, _Closed."""
    from vdsm_backup.storage.file import DOM_MD

    try:
        io.lstat(os.path.join(directory, DOM_MD))
    except (FileNotFoundError, NotADirectoryError):
        raise NotADomain(directory)
    except PermissionError as e:
        raise _Closed(*e.args)


def _is_unflagged(lines: list[str], sd_id: str) -> bool:
    """Whether it is known that these lines have no flag."""
    try:
        values = md_lines.require(lines, sd_id).values
        return not md_flag.read(values, sd_id).value
    except errors.Error:
        return False


def _listdir(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        # No pool was ever connected here.
        return []
