# SPDX-License-Identifier: GPL-2.0-or-later
"""
The sources of storage domains on this host, and what is on each of them.

A source is what one thread scans: a mount, with a FileIO of its own, or all
configured block devices.

File domains: <repo_root>/mnt/<mount>/<sdUUID> and
<repo_root>/mnt/glusterSD/<mount>/<sdUUID> that have a dom_md directory.
Block domains: VGs with VDSM's tag, on the configured devices.
"""

from __future__ import annotations

import errno
import functools
import os
from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.fileio import base as fileio
from vdsm_backup.fileio import choose
from vdsm_backup.host import devices, mounts
from vdsm_backup.storage import incomplete
from vdsm_backup.storage.file import FileStorage, io_user
from vdsm_backup.text import is_uuid, printable
from vdsm_backup.vm.links import mount_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence, Tuple

    from vdsm_backup.fileio.base import FileIO
    from vdsm_backup.lvm.scan import Scan, Vg
    from vdsm_backup.storage.base import Options, Storage

    # Storages and failures.
    Found = Tuple[list[Storage], list["Failure"]]

# Directories of <repo_root>/mnt that are no mounts: blockSD holds links of
# block domains, glusterSD the mounts of Gluster (VDSM's fileSD.py).
BLOCK_SD = "blockSD"
GLUSTER_SD = "glusterSD"

_LEADS_NOWHERE = (
    "the link leads nowhere, so no domain is there now; if it is that of a"
    " local domain, the disk under it is not mounted"
)

_A_LINK = "the link leads nowhere, so no domain is there"

_OF_A_GUEST = (
    "it is a PV of a VG whose other PVs are not here, and not made by VDSM:"
    " a part of a guest's VG, say, and no domain"
)

# The source that is no mount.
BLOCK_DEVICES = "block devices"


class Failure(
    namedtuple("Failure", "source error kind sd_id", defaults=["file", None])
):
    """
    A source, or a part of one, that could not be scanned. Which domains are
    there is unknown.

    source: a mount, a directory of a domain, a device, or BLOCK_DEVICES.
    kind: "file" or "block".
    sd_id: of the only domain that can be there. None: it may be any.
    """

    __slots__ = ()
    source: str
    error: errors.Error
    kind: str
    sd_id: str | None


def no_answer(source: str, timeout: float) -> Failure:
    """
    The Failure of a source that did not answer within the timeout, in
    seconds.
    """
    kind = "block" if source == BLOCK_DEVICES else "file"
    return Failure(source, errors.StorageTimeout(source, timeout), kind)


def _unusable(device: str) -> Failure:
    """The Failure of a multipath device that lvm cannot be told to read."""
    text = (
        f"{printable(device)} was not searched: its name has characters that"
        " lvm --devices does not take; VDSM leaves it out, too"
    )
    hint = "give it another name: alias in /etc/multipath.conf"
    error = errors.from_text(errors.LvmFailed.code, text, hints=[hint])
    return Failure(printable(device), error, "block")


class Sources:
    """
    The sources of a host with this configuration.

    passed_over: what scans have seen and not taken for a domain: {mount: names
        of entries that are no UUID, or have nothing that a domain has}.
    no_sources: what cannot be scanned and hides no domain: {entry of a
        directory in which VDSM mounts, or device: what is wrong with it}. See
        docs/filesystems.md.
    other_vgs: VGs that scans have seen and not taken for a domain.
    needs_root: see Config. None: we may read what VDSM may.
    devices: the block devices that were to be scanned.
    configured: those that the configuration names.
    scanned: the sources that were scanned so far, in the order in which they
        answered.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self.needs_root = options.needs_root
        self.passed_over: dict[str, list[str]] = {}
        self.no_sources: dict[str, str] = {}
        self.other_vgs: list[Vg] = []
        self.devices: Sequence[str] = ()
        self.configured: Sequence[str] = options.lvm_devices
        self.scanned: list[str] = []

    def scans(self) -> dict[str, Callable[[], Found]]:
        """
        {source: function that scans it}. A function returns (storages,
        failures), and raises none of our errors.

        All storages of one source share a FileIO, so one thread at a time may
        use them.
        """
        scans: dict[str, Callable[[], Found]] = {
            path: functools.partial(self._scan_source, path, self._scan_path)
            for path in self.mounts()
        }
        scans[BLOCK_DEVICES] = functools.partial(
            self._scan_source, BLOCK_DEVICES, self._scan_configured, "block"
        )
        return scans

    def _scan_source(
        self,
        source: str,
        scan: Callable[[str], Found],
        kind: str = "file",
    ) -> Found:
        try:
            return scan(source)
        except (errors.Error, OSError, fileio.Timeout, fileio.Closed) as e:
            return [], [Failure(source, self._ours(source, e), kind)]

    def mounts(self) -> list[str]:
        """
        Paths of mounts. Only the local directories in which VDSM mounts are
        listed: no mounted file system is touched.

        Raises ConfigInvalid; StorageTimeout, MetadataUnreadable if repo_root
        is on a file system that could hang.
        """
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

    def _listdir(self, path: str) -> list[str]:
        try:
            if mounts.cannot_hang(mount_of(path, mounts.table())):
                return sorted(os.listdir(path))
            with self.io(path) as io:
                return sorted(io.listdir(path))
        except FileNotFoundError:
            return []
        except (fileio.Timeout, fileio.Closed) as e:
            raise self._ours(path, e)
        except OSError as e:
            path = printable(path)
            raise self._options.invalid(
                "storage", "repo_root", f"{path}: {e.strerror}"
            )

    def _scan_path(self, path: str) -> Found:
        try:
            return self.scan_mount(path, self.io(path))
        except FileNotFoundError:
            # VDSM makes a link to the directory of a local domain.
            self.no_sources[path] = _LEADS_NOWHERE
        except NotADirectoryError:
            self.no_sources[path] = "it is no directory, so no domain is there"
        except OSError as e:
            # The mount itself may be a link, so a loop of links it is.
            if e.errno != errno.ELOOP:
                raise
            self.no_sources[path] = _LEADS_NOWHERE
        return [], []

    def _leads_nowhere(self, path: str, error: OSError) -> bool:
        """
        Whether an entry of a mount is a link that leads nowhere: VDSM, who
        follows it, finds no domain there either. error: of the look at it.
        """
        if error.errno != errno.ELOOP:
            return False
        try:
            with self.io(path) as io:
                io.listdir(path)
        except OSError as e:
            return e.errno in (errno.ENOENT, errno.ELOOP)
        except (fileio.Timeout, fileio.Closed):
            pass
        return False

    def scan_mount(self, path: str, io: FileIO) -> Found:
        """
        The domains of a mount. One that fails is a failure, and hides no
        other.

        Raises what the FileIO does if the mount itself cannot be listed.
        """
        found: list[Storage] = []
        failures: list[Failure] = []
        names = io.listdir(path)
        others = self.passed_over[path] = []
        self.scanned.append(path)
        for name in names:
            if not is_uuid(name):
                others.append(name)
                continue
            directory = os.path.join(path, name)
            error: errors.Error | None
            try:
                dom_md = incomplete.dom_md(io, directory)
                if dom_md == incomplete.DIRECTORY:
                    found.append(self.file(name, directory, io))
                    continue
                error = incomplete.look(io, name, directory, dom_md)
            except OSError as e:
                if self._leads_nowhere(directory, e):
                    self.no_sources[directory] = _A_LINK
                    continue
                error = self._ours(directory, e)
            if error:
                failures.append(Failure(directory, error, sd_id=name))
            else:
                others.append(name)
        return found, failures

    def _scan_configured(self, source: str) -> Found:
        options = self._options
        names = devices.configured_or_multipath(options.lvm_devices)
        self.devices = names
        found, failures = self.scan_devices(names)
        failures += map(_unusable, devices.left_out(options.lvm_devices))
        return found, failures

    def scan_devices(self, names: Sequence[str]) -> Found:
        """
        The domains on these block devices. Raises LvmFailed, StorageTimeout,
        NeedsRoot.
        """
        if not names:
            return [], []
        if self.needs_root:
            raise self.needs_root
        # Hosts without LUNs, and who reads one mount, need neither of them.
        from vdsm_backup.lvm.vgs import Lvm
        from vdsm_backup.storage.block import BlockStorage

        options = self._options
        lvm = Lvm(names, options.io_timeout)
        scan = lvm.scan()
        self.scanned += names
        self.other_vgs += [
            vg for vg in scan.vgs if not (vg.is_domain and is_uuid(vg.name))
        ]
        found: list[Storage] = []
        for vg in scan.domains:
            # VDSM names the VG of a domain by the domain's UUID.
            if is_uuid(vg.name):
                found.append(
                    BlockStorage(
                        vg.name, lvm, options.lv_dir, vg.found_at, scan
                    )
                )
                found[-1].device = vg.device
        failures = [
            Failure(name, error, "block")
            for name, error in sorted(scan.unread.items())
            if name not in scan.without_areas
        ]
        if scan.rejected:
            failures += self._rejected(scan)
        self.no_sources.update(dict.fromkeys(scan.without_areas, _OF_A_GUEST))
        return found, failures

    def _rejected(self, scan: Scan) -> list[Failure]:
        """LUNs of domains that lvm takes for something else."""
        from vdsm_backup.lvm import labels

        luns, missed = labels.domains(
            scan.rejected, scan.vgs, self._options.io_timeout
        )
        self.no_sources.update(missed)
        return [
            Failure(lun.device, lun.error, "block", lun.sd_id) for lun in luns
        ]

    def io(self, path: str) -> FileIO:
        """
        A FileIO for a mount, or for a directory on it. The path itself may be
        a link: VDSM mounts a local domain so.
        """
        options = self._options
        return choose.open_to_read(
            options.ioprocess, path, options.io_timeout, base=path
        )

    def file(self, sd_id: str, directory: str, io: FileIO) -> FileStorage:
        """The domain of a directory, by a FileIO of its mount."""
        options = self._options
        user = io_user(options)
        found = FileStorage(sd_id, directory, io, options.io_timeout, user)
        found.needs_root = self.needs_root
        return found

    def _ours(self, source: str, error: Exception) -> errors.Error:
        """One of our errors that tells of this one: of a FileIO, or ours."""
        if isinstance(error, errors.Error):
            return error
        if isinstance(error, fileio.Timeout):
            return errors.StorageTimeout(source, self._options.io_timeout)
        if isinstance(error, PermissionError) and self.needs_root:
            return self.needs_root
        reason = fileio.why(error, source)
        return errors.MetadataUnreadable(printable(source), reason)
