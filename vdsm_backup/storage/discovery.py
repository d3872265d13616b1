# SPDX-License-Identifier: GPL-2.0-or-later
"""
The storage domains that this host can see.

File domains: <repo_root>/mnt/<mount>/<sdUUID> and
<repo_root>/mnt/glusterSD/<mount>/<sdUUID> that have a dom_md directory.
Block domains: VGs with VDSM's tag, on the devices of the configuration.

Each mount is looked at by a thread and a FileIO of its own; LVM by another.
A place that does not answer never delays one that does.
"""

import functools
import os
import stat
import time
from dataclasses import dataclass

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.host import devices
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage.block import BlockStorage
from vdsm_backup.storage.file import DOM_MD, FileStorage
from vdsm_backup.text import is_uuid, printable

# Directories of <repo_root>/mnt that are no mounts: blockSD holds links of
# block domains, glusterSD the mounts of Gluster (VDSM's fileSD.py).
BLOCK_SD = "blockSD"
GLUSTER_SD = "glusterSD"

BLOCK = "block devices"

# Seconds that places may still take when the domain was found elsewhere: a
# second copy of it is worth waiting for, a hung mount is not.
GRACE = 2


@dataclass(frozen=True)
class Failure:
    """A place that could not be looked at: a storage of no known domain."""

    place: str
    error: errors.Error
    kind: str = "file"
    sd_id = None


def late(place, timeout):
    """The Failure of a place that did not answer."""
    kind = "block" if place == BLOCK else "file"
    return Failure(place, errors.StorageTimeout(place, timeout), kind)


class Discovery:
    def __init__(self, options):
        self._options = options

    def all(self):
        """(storages, failures) of all places, in a stable order."""
        return self._scan(lambda storage: True)

    def find(self, domain, patient=False):
        """
        (storage, failures) of one domain by its UUID, or by its name.

        patient: wait for all places as long as they may take, since a second
        copy of the domain could be on the slow one.

        Raises DomainNotFound, AmbiguousDomain; StorageTimeout or whatever a
        place failed with if it was not found elsewhere. By name, a domain
        that cannot be read might have that name too: that is ambiguous.
        """
        if is_uuid(domain):
            found, failures = self._scan(
                lambda storage: storage.sd_id == domain,
                enough=lambda found: found and not patient,
            )
        else:
            found, failures = self._scan(
                lambda storage: name_of(storage) == domain
            )
        if len(found) > 1:
            places = ", ".join(printable(s.place) for s in found)
            raise errors.AmbiguousDomain(printable(domain), places)
        if not found:
            if failures:
                raise failures[0].error
            raise errors.DomainNotFound(printable(domain))
        if failures and not is_uuid(domain):
            places = [found[0].place, *(f.place for f in failures)]
            raise errors.AmbiguousDomain(
                printable(domain), ", or it may be in ".join(places)
            )
        return found[0], failures

    def at_path(self, path):
        """
        Storages under a directory: that of a domain, or a mount of domains.
        """
        path = os.path.abspath(path)
        io = self._io(path)
        try:
            if DOM_MD in io.listdir(path):
                return [self._domain_directory(path, io)]
            found, failures = self._scan_mount(path, io)
        except (OSError, fileio.Closed) as e:
            raise errors.MetadataUnreadable(printable(path), str(e))
        except fileio.Timeout:
            raise errors.StorageTimeout(path, self._options.io_timeout)
        if failures:
            raise failures[0].error
        if not found:
            raise errors.DomainNotFound(f"under {printable(path)}")
        return found

    def _domain_directory(self, path, io):
        name = os.path.basename(path)
        if not is_uuid(name):
            what = f"in {printable(path)}, whose name is no UUID,"
            raise errors.DomainNotFound(what)
        return self._file(name, path, io)

    def at_device(self, device):
        """Storages on one block device."""
        found, failures = self._scan_block([device])
        if failures:
            raise failures[0].error
        if not found:
            raise errors.DomainNotFound(f"on {printable(device)}")
        return found

    def places(self):
        """
        Where domains may be: by each place, a job that gives (storages,
        failures). One place uses one FileIO, so its storages are to be used
        by one thread at a time.
        """
        jobs = {
            path: functools.partial(self._look_at, path, self._scan_path)
            for path in self._mounts()
        }
        jobs[BLOCK] = functools.partial(
            self._look_at, BLOCK, self._scan_devices, "block"
        )
        return jobs

    # Places

    def _scan(self, wanted, enough=lambda found: False):
        jobs = {
            place: functools.partial(_filtered, job, wanted)
            for place, job in self.places().items()
        }
        running = Jobs(jobs)
        # Looking and reading: each ends by its own timeouts before this.
        timeout = self._options.io_timeout
        end = time.monotonic() + 2 * timeout + GRACE
        limit = [end]
        found, failures = [], []
        for _, result, error in running.results(lambda: limit[0]):
            if error:
                raise error
            found += result[0]
            failures += result[1]
            if enough(found):
                limit[0] = min(end, time.monotonic() + GRACE)
        failures += [late(place, timeout) for place in running.waiting]
        found.sort(key=lambda storage: (storage.sd_id, storage.place))
        failures.sort(key=lambda failure: failure.place)
        return found, failures

    def _look_at(self, place, look, kind="file"):
        try:
            return look(place)
        except Exception as e:
            return [], [Failure(place, self._ours(place, e), kind)]

    def _mounts(self):
        """Local directories only; nothing mounted is touched."""
        base = os.path.join(self._options.repo_root, "mnt")
        names = self._listdir(base)
        gluster = os.path.join(base, GLUSTER_SD)
        paths = [
            os.path.join(base, name)
            for name in names
            if name not in (BLOCK_SD, GLUSTER_SD)
        ]
        if GLUSTER_SD in names:
            names = self._listdir(gluster)
            paths += [os.path.join(gluster, name) for name in names]
        return sorted(paths)

    def _listdir(self, path):
        try:
            return sorted(os.listdir(path))
        except FileNotFoundError:
            return []
        except OSError as e:
            path = printable(path)
            raise self._options.invalid(
                "storage", "repo_root", f"{path}: {e.strerror}"
            )

    def _scan_path(self, path):
        return self._scan_mount(path, self._io(path))

    def _scan_mount(self, path, io):
        """One domain that cannot be looked at hides no other."""
        found, failures = [], []
        for name in io.listdir(path):
            if not is_uuid(name):
                continue
            directory = os.path.join(path, name)
            try:
                st = io.lstat(os.path.join(directory, DOM_MD))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as e:
                error = self._ours(directory, e)
                failures.append(Failure(directory, error))
                continue
            if stat.S_ISDIR(st.st_mode):
                found.append(self._file(name, directory, io))
        return found, failures

    def _scan_devices(self, place):
        return self._scan_block(
            devices.configured_or_multipath(self._options.lvm_devices)
        )

    def _scan_block(self, names):
        options = self._options
        timeout = options.io_timeout
        runner = Lvm(names, timeout)
        scan = runner.scan()
        found = [
            BlockStorage(vg.name, runner, options.lv_dir, vg.found_at, scan)
            for vg in scan.domains
            # VDSM names all of them so; another cannot be one of its domains.
            if is_uuid(vg.name)
        ]
        failures = [
            Failure(name, error, "block")
            for name, error in sorted(scan.unread.items())
        ]
        return found, failures

    def _io(self, path):
        options = self._options
        return choose.open(options.ioprocess, path, options.io_timeout)

    def _file(self, sd_id, directory, io):
        options = self._options
        user = (options.uid, options.gid) if os.getuid() == 0 else None
        return FileStorage(sd_id, directory, io, options.io_timeout, user)

    def _ours(self, place, error):
        if isinstance(error, errors.Error):
            return error
        if isinstance(error, fileio.Timeout):
            return errors.StorageTimeout(place, self._options.io_timeout)
        if isinstance(error, (OSError, fileio.Closed)):
            return errors.MetadataUnreadable(printable(place), str(error))
        raise error


def name_of(storage):
    """The name, by the last look. Raises what read() does."""
    return md_lines.parse(storage.seen()).values.get("DESCRIPTION")


def _filtered(job, wanted):
    """Of the storages of a place, those wanted, by the place's own thread."""
    storages, failures = job()
    kept = []
    for storage in storages:
        try:
            if wanted(storage):
                kept.append(storage)
        except errors.Error as e:
            failures.append(Failure(storage.place, e, storage.kind))
    return kept, failures
