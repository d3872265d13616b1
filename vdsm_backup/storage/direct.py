# SPDX-License-Identifier: GPL-2.0-or-later
"""
Reading one storage domain by the shortest way, for a VM that needs it now.

Only the domain's own mount or devices are touched: other storage that hangs
cannot refuse the VM then.

- A file domain is read through a FileIO of its own (direct_file.py).
- A block domain is read by one lvm command, limited to the devices under its
  active LVs, which sysfs knows. The VM would run from these devices, also
  where a replica is beside them. If the LVs are not active, or these devices
  do not have the VG's metadata, the configured devices come next.
- A LUN is read by one lvm command that is limited to it (lun.py).
- Several block domains and LUNs are read by one lvm command for all, as long
  as that leaves no question (together.py).
- A domain of which only the UUID is known is looked for in VDSM's links in
  repo_root, then in sysfs, and only then on all storage. A link may be left in
  the directory of another pool, so all links count, and those are passed over
  that lead nowhere.

The modules for a kind of domain are imported when there is such a domain: a
hook is a process on the way of every start of a VM.
"""

from __future__ import annotations

import functools
import os
import threading
import time

from vdsm_backup import errors
from vdsm_backup.host import devices, mounts
from vdsm_backup.metadata import flag as md_flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes.jobs import Jobs, telling
from vdsm_backup.text import is_uuid
from vdsm_backup.vm import links
from vdsm_backup.vm.paths import (
    ANY,
    BLOCK,
    FILE,
    LUN,
    Location,
    NotADomain,
    locations,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Sequence

    from vdsm_backup.lvm.scan import Scan
    from vdsm_backup.processes.companion import Companion
    from vdsm_backup.processes.companion_child import Calls
    from vdsm_backup.processes.jobs import Slow
    from vdsm_backup.storage.base import Options, Storage
    from vdsm_backup.storage.together import Together


def may_be_file(location: Location) -> bool:
    """Whether a file domain may be there."""
    return location.kind in (FILE, ANY)


def start_reader(options: Options, more: Calls) -> Companion | None:
    """
    Start the child that reads file domains, and does more calls. Call it
    before any thread runs; see fileio.choose. Raises ConfigInvalid.
    """
    from vdsm_backup.fileio import choose

    return choose.start_reader(options.ioprocess, more)


class DirectReader:
    """
    sysfs: the directory where sysfs is mounted. Tests have another one.
    locations: what will be read at the same time.
    slow: called with the directories or devices that a read still waits for,
        by the thread that reads or by another one, see Jobs.
    """

    def __init__(
        self,
        options: Options,
        sysfs: str = devices.SYSFS,
        locations: Iterable[Location] = (),
        slow: Slow | None = None,
    ) -> None:
        self._options = options
        self._sysfs = sysfs
        self._slow = slow
        self._together: Together | None = None
        on_block = {at for at in locations if at.kind in (BLOCK, LUN)}
        if len(on_block) > 1:
            from vdsm_backup.storage import together

            self._together = together.Together(options, on_block, sysfs)

    @property
    def lag(self) -> float:
        """Seconds that an answer may be older than the end of read()."""
        return self._together.lag if self._together else 0

    def read(self, location: Location, timeout: float) -> list[str]:
        """
        The lines of a domain's metadata, as they are on storage now.

        timeout: seconds, for each call.

        Raises NotADomain if the location is a candidate and no domain is
        there, or if a VG is there that is none of VDSM's; what a Reader's
        read() raises, DomainNotFound, AmbiguousDomain.
        """
        if location.kind == FILE:
            return self._read_file(location, timeout)
        if location.kind in (LUN, BLOCK):
            return self._read_devices(location, timeout)
        lines = self._read_linked(location.domain, timeout)
        if lines is not None:
            return lines
        if devices.under_active(location.domain, self._sysfs):
            try:
                return self._read_block(location.domain, timeout)
            except NotADomain:
                # The LVs that are active are those of another VG.
                pass
        return self._read_wherever(location)

    def _read_linked(self, sd_id: str, timeout: float) -> list[str] | None:
        """
        Read the domain where VDSM's links say that it is; None if they lead
        nowhere.
        """
        reads = {
            place: functools.partial(self._read_at_link, place, timeout)
            for place in self._linked(sd_id)
        }
        # No deadline is needed: each read has its timeouts, and ends.
        ends = Jobs(reads).results(lambda: threading.TIMEOUT_MAX)
        return _of_all_places(
            ((lines, error) for _, lines, error in ends), sd_id
        )

    def _read_at_link(self, place: Location, timeout: float) -> list[str]:
        """Raises NotADomain, too, if nothing is there."""
        if place.kind == FILE:
            return self._read_file(place, timeout, linked=True)
        try:
            return self._read_block(place.domain, timeout)
        except errors.DomainNotFound:
            raise NotADomain(place.domain)

    def _linked(self, sd_id: str) -> list[Location]:
        """
        The Locations to which VDSM's links of a domain lead. No storage is
        touched, and nothing where VDSM's repository itself could hang.
        """
        options, table = self._options, mounts.table()
        repo = options.repo_root
        if not mounts.cannot_hang(links.mount_of(repo, table)):
            return []
        found: dict[Location, None] = {}
        for pool in sorted(filter(is_uuid, _listdir(repo))):
            # The path of a volume that would be in this domain.
            path = os.path.join(repo, pool, sd_id, "images", "x")
            there = [
                place
                for name in links.trace(path, table).names
                for place in locations(name, repo, options.lv_dir)
                if place.domain == sd_id and place.kind != ANY
            ]
            # A candidate is the same directory by another name, or is alone.
            sure = [place for place in there if not place.candidate]
            found.update(dict.fromkeys(sure or there))
        return list(found)

    def _read_wherever(self, location: Location) -> list[str]:
        """
        Read the domain where the search finds it. That may be several places:
        one storage that is mounted twice, or a replica beside its origin. The
        VM may use any of them.
        """
        from vdsm_backup.storage.discovery import Discovery

        sd_id = location.domain
        search = Discovery(self._options, self._slow)
        found, failures = search.places(sd_id)
        if not found and failures:
            raise failures[0].error
        lines = _of_all_places(map(self._read_found, found), sd_id)
        if lines is not None:
            return lines
        if location.candidate:
            raise NotADomain(sd_id)
        raise errors.DomainNotFound(sd_id)

    def _read_devices(self, location: Location, timeout: float) -> list[str]:
        if self._options.needs_root:
            raise self._options.needs_root
        scan = None
        if self._together:
            end = time.monotonic() + timeout
            place = location.directory or f"VG {location.domain}"
            with telling([place], self._slow):
                scan = self._together.scan(location, timeout)
            timeout = max(end - time.monotonic(), timeout / 2)
        if location.kind == LUN:
            from vdsm_backup.storage import lun

            device = location.directory
            with telling([device], self._slow):
                return lun.read(self._options, device, timeout, scan)
        if scan:
            return _scanned_lines(location.domain, scan)
        return self._read_block(location.domain, timeout)

    def _read_block(self, sd_id: str, timeout: float) -> list[str]:
        """Raises NotADomain, too, if a VG is there that is none of VDSM's."""
        narrow = devices.under_active(sd_id, self._sysfs)
        if narrow:
            try:
                return self._read_vg(sd_id, narrow, timeout)
            except (errors.DomainNotFound, errors.LvmFailed):
                # The PV that has the VG's metadata may be under no active LV.
                pass
        names = devices.configured_or_multipath(self._options.lvm_devices)
        return self._read_vg(sd_id, names, timeout)

    def _read_vg(
        self, sd_id: str, names: Sequence[str], timeout: float
    ) -> list[str]:
        from vdsm_backup.lvm.vgs import Lvm

        if self._options.needs_root:
            raise self._options.needs_root
        with telling(list(names), self._slow):
            return _scanned_lines(sd_id, Lvm(names, timeout).scan())

    def _read_file(
        self, place: Location, timeout: float, linked: bool = False
    ) -> list[str]:
        from vdsm_backup.storage import direct_file

        with telling([place.directory], self._slow):
            return direct_file.read(self._options, place, timeout, linked)

    def _read_found(
        self, storage: Storage
    ) -> tuple[list[str] | None, Exception | None]:
        try:
            with telling([storage.found_at], self._slow):
                return storage.read(), None
        except errors.Error as e:
            return None, e


def _scanned_lines(sd_id: str, scan: Scan) -> list[str]:
    """
    The lines of a block domain, by a Scan. Raises NotADomain, too, if a VG is
    there that is none of VDSM's.
    """
    from vdsm_backup.metadata import encoding

    if scan.has_only_foreign(sd_id):
        raise NotADomain(sd_id)
    return sorted(encoding.decode_tags(scan.pick(sd_id).tags, sd_id))


def _of_all_places(
    ends: Iterable[tuple[list[str] | None, Exception | None]], sd_id: str
) -> list[str] | None:
    """
    The lines of a domain that was read in several places, of which the VM may
    use any: those of a place that has a flag, as soon as it is known. None if
    the domain is in none of them.

    ends: (lines, error) of each place; either is None. NotADomain is no error.

    Raises the first error if no flag was read.
    """
    failed, unflagged = None, None
    for lines, error in ends:
        if isinstance(error, NotADomain):
            continue
        if error is not None:
            failed = failed or error
        elif lines is not None:
            if not _is_unflagged(lines, sd_id):
                return lines
            unflagged = lines
    if failed is not None:
        raise failed
    return unflagged


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
