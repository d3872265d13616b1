# SPDX-License-Identifier: GPL-2.0-or-later
"""
The block domains and LUNs that one VM needs, scanned by one lvm command.

An lvm command waits for the kernel most of its time, and many of them side by
side wait for a processor, too. One command that is limited to the devices of
ten VGs takes as long as one for a single VG.

But one device that hangs, or a VG that is broken, fails that command for all.
So what it finds counts only if it leaves no question:

- It ends within PATIENCE, without an error.
- Each device was read, and is a PV of one of the VGs that were found, or no PV
  at all. There is no replica beside its origin, and no name that two VGs have.
- The PVs of a domain are the devices under its active LVs, and no others.

Then each VG is what lvm would have found on the VG's own devices. Otherwise
each domain and each LUN is scanned by itself, in the time that is left: a LUN
that hangs refuses the disks that need it, and costs the others PATIENCE.

Domains without an active LV are another matter. Each of them would be scanned
for on all configured devices, by the very same commands, so these run once for
all such domains, as long as they take.
"""

from __future__ import annotations

import os
import threading
import time

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.lvm.scan import Scan
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.vm.paths import LUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable

    from vdsm_backup.storage.base import Options
    from vdsm_backup.vm.paths import Location

# Seconds that the scans of some devices wait for the one command. Of a timeout
# that is short it is a quarter.
PATIENCE = 1.0


class Together:
    """
    locations: of block domains and LUNs. sysfs: as of DirectReader.

    lag: seconds that a Scan may be older than its giving.
    """

    lag = PATIENCE

    def __init__(
        self, options: Options, locations: Iterable[Location], sysfs: str
    ) -> None:
        self._options = options
        self._locations = set(locations)
        self._sysfs = sysfs
        self._lock = threading.Lock()
        self._given: set[Location] = set()
        # {Location: its own devices} of those that one command scans.
        self._own: dict[Location, list[str]] = {}
        self._one: _Running | None = None
        # Those that need all configured devices.
        self._wide: set[Location] = set()
        self._all: _Running | None = None

    def scan(self, location: Location, timeout: float) -> Scan | None:
        """
        The Scan that lvm would have of a location's devices. None if the
        location has to be scanned by itself: what was found leaves a question,
        which is known within a quarter of the timeout; or it is asked for
        again, or late, and what was found is too old by now.

        timeout: seconds. A domain without an active LV may need all of it.

        Raises what Lvm.scan() raises, for a domain without an active LV.
        """
        with self._lock:
            if not self._given:
                self._start(timeout)
            if location in self._given:
                return None
            self._given.add(location)
        if location in self._wide and self._all:
            if self._all.has_ended and self._all.age > self.lag:
                return None
            return self._all.result(threading.TIMEOUT_MAX)
        if location in self._own and self._one:
            try:
                found = self._one.result(_patience(timeout))
            except errors.Error:
                return None
            if self._one.age > self.lag:
                return None
            return found and self._part(location, found)
        return None

    def _start(self, timeout: float) -> None:
        """Run what the first answer needs; the others need it soon."""
        luns = {at for at in self._locations if at.kind == LUN}
        domains = self._locations - luns
        under = devices.under_active_of(
            {at.domain for at in domains}, self._sysfs
        )
        own = {at: [at.directory] for at in luns}
        own.update({at: under[at.domain] for at in domains})
        self._wide = {at for at in own if not own[at]}
        self._own = {
            at: names
            for at, names in own.items()
            if names and all(map(devices.is_plain, names))
        }
        if len(self._wide) > 1:
            self._all = _Running(lambda: self._scan_all(timeout))
        if len(self._own) > 1:
            lvm = Lvm(self._devices(), _patience(timeout))
            self._one = _Running(lvm.scan_once)

    def _scan_all(self, timeout: float) -> Scan:
        names = devices.configured_or_multipath(self._options.lvm_devices)
        return Lvm(names, timeout).scan()

    def _devices(self) -> list[str]:
        """The devices of the one command."""
        return sorted({name for names in self._own.values() for name in names})

    def _part(self, location: Location, scan: Scan) -> Scan | None:
        """The part of the one Scan that is a location's, None: a question."""
        understood = _understood(scan)
        if understood is None or not understood >= _real(self._devices()):
            return None
        own = _real(self._own[location])
        vgs = [vg for vg in scan.vgs if own & _real(vg.devices)]
        if location.kind == LUN:
            return Scan(vgs, {})
        if [vg.name for vg in vgs] != [location.domain]:
            return None
        return Scan(vgs, {}) if _real(vgs[0].devices) == own else None


class _Running:
    """A function that runs in a thread, which is left behind if it hangs."""

    def __init__(self, function: Callable[[], Scan]) -> None:
        self._function = function
        self._ended = threading.Event()
        self._scan: Scan | None = None
        self._error: Exception | None = None
        self._started = time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def age(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._started

    @property
    def has_ended(self) -> bool:
        return self._ended.is_set()

    def _run(self) -> None:
        try:
            self._scan = self._function()
        except Exception as e:
            self._error = e
        self._ended.set()

    def result(self, timeout: float) -> Scan | None:
        """What it returned, or raises; None if that is not there in time."""
        if self._ended.wait(timeout) and self._error:
            raise self._error
        return self._scan


def _understood(scan: Scan) -> set[str] | None:
    """
    The real paths of the devices of which a Scan tells what they are; None if
    it leaves a question.
    """
    names = [vg.name for vg in scan.vgs]
    if scan.unread or len(set(names)) < len(names):
        return None
    if any(vg.duplicates for vg in scan.vgs):
        return None
    found = _real(scan.no_pv)
    for vg in scan.vgs:
        found |= _real(vg.devices)
    return found


def _real(names: Iterable[str]) -> set[str]:
    return set(map(os.path.realpath, names))


def _patience(timeout: float) -> float:
    return min(PATIENCE, timeout / 4)
