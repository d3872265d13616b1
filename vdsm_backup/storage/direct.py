# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading one storage domain by the shortest way, for a VM that needs it now.

Only the domain's own mount or devices are touched, so that no other storage
that hangs can refuse the VM:

- a file domain through a FileIO of its own;
- a block domain by one lvm command, limited to the devices under its active
  LVs, which sysfs knows. These are those that the VM would run from, also
  where a replica is beside them. The devices of the configuration come next,
  when the LVs are not active or their devices do not have the metadata;
- a domain of which only the UUID is known by VDSM's links in repo_root, then
  by sysfs, and only then by a look at all storage.

What a kind of domain needs is imported when there is one: a hook is a process
on the way of every start of a VM.
"""

import os

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.text import is_uuid
from vdsm_backup.vm.paths import (
    ANY,
    BLOCK,
    FILE,
    Location,
    NotADomain,
    locations,
)


class Nearby:
    """
    options: a Config.
    sysfs: where it is mounted; another one is for tests.
    """

    def __init__(self, options, sysfs=devices.SYSFS):
        self._options = options
        self._sysfs = sysfs

    def read(self, place, timeout):
        """
        Lines of the domain's metadata, as they are on storage now.

        place: a paths.Location. timeout: seconds, for each call.

        Raises NotADomain if the place is a candidate; what a Storage's read()
        raises, DomainNotFound, AmbiguousDomain.
        """
        if place.kind == ANY:
            place = self._locate(place)
            if place.kind == ANY:
                return self._search(place)
        if place.kind == FILE:
            return self._read_file(place, timeout)
        return self._read_block(place.domain, timeout)

    def _search(self, place):
        from vdsm_backup.storage.discovery import Discovery

        try:
            return Discovery(self._options).find(place.domain)[0].read()
        except errors.DomainNotFound:
            if place.candidate:
                raise NotADomain(place.domain)
            raise

    def _locate(self, place):
        """What this host knows of it without a look at any storage."""
        repo = self._options.repo_root
        for pool in sorted(filter(is_uuid, _listdir(repo))):
            link = os.path.join(repo, pool, place.domain)
            try:
                target = os.path.join(repo, pool, os.readlink(link))
            except OSError:
                continue
            # As if a volume were in it.
            name = os.path.join(os.path.normpath(target), "images", "x")
            for found in locations(name, repo):
                if found.domain == place.domain and not found.candidate:
                    return found
        if devices.under_active(place.domain, self._sysfs):
            return Location(place.domain, BLOCK)
        return place

    def _read_file(self, place, timeout):
        from vdsm_backup.fileio import base as fileio
        from vdsm_backup.fileio import choose
        from vdsm_backup.storage.file import FileStorage

        options = self._options
        directory = place.directory
        user = (options.uid, options.gid) if os.getuid() == 0 else None
        try:
            with choose.open(options.ioprocess, directory, timeout) as io:
                if place.candidate:
                    _require_domain(io, directory)
                storage = FileStorage(
                    place.domain, directory, io, timeout, user
                )
                return storage.read()
        except fileio.Timeout:
            raise errors.StorageTimeout(directory, timeout)
        except (fileio.Closed, OSError) as e:
            raise errors.MetadataUnreadable(place.domain, str(e))

    def _read_block(self, sd_id, timeout):
        narrow = devices.under_active(sd_id, self._sysfs)
        if narrow:
            try:
                return self._block(sd_id, narrow, timeout).read()
            except (errors.DomainNotFound, errors.LvmFailed):
                # The PV that has the metadata may be under none of them.
                pass
        names = devices.configured_or_multipath(self._options.lvm_devices)
        return self._block(sd_id, names, timeout).read()

    def _block(self, sd_id, names, timeout):
        from vdsm_backup.lvm.vgs import Lvm
        from vdsm_backup.storage.block import BlockStorage

        return BlockStorage(sd_id, Lvm(names, timeout))


def _require_domain(io, directory):
    from vdsm_backup.storage.file import DOM_MD

    try:
        io.lstat(os.path.join(directory, DOM_MD))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        # A directory that VDSM's user cannot enter is no domain of VDSM.
        raise NotADomain(directory)


def _listdir(path):
    try:
        return os.listdir(path)
    except OSError:
        # No pool was ever connected here.
        return []
