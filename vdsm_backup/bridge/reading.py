# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flags of some domains, read on their SPM hosts.

A host that does not answer is not asked again for a while: one that hangs
holds up all others each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import flags, inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.flags import Seen
    from vdsm_backup.bridge.hosts import Host
    from vdsm_backup.bridge.inventory import Place
    from vdsm_backup.bridge.log import Log

# Seconds until a host that did not answer is asked again.
AGAIN = 60


class Reader:
    """Methods raise nothing: what cannot be read is UNKNOWN, with a reason."""

    def __init__(
        self, by_host: flags.Flags, log: Log, clock: Callable[[], float]
    ) -> None:
        self._flags = by_host
        self._log = log
        self._clock = clock
        # {UUID of a host: (when to ask again, why it did not answer)}
        self._silent: dict[str, tuple[float, str]] = {}

    @property
    def is_partial(self) -> bool:
        """Whether a host does not answer."""
        return bool(self._silent)

    def lists(
        self, chosen: list[entities.Domain], places: dict[str, Place]
    ) -> dict[str, Seen]:
        """Of all these domains, by one list of each SPM."""
        lists: dict[str, dict[str, Seen]] = {}
        found = {}
        for domain in chosen:
            place = places[domain.id]
            spm = _reachable(domain, place)
            if isinstance(spm, flags.Seen):
                found[domain.id] = spm
                continue
            if spm.id not in lists:
                lists[spm.id] = self._all(spm)
            found[domain.id] = lists[spm.id].get(
                domain.id, self._not_listed(place)
            )
        return found

    def keep(self, hosts: Collection[str]) -> None:
        """hosts: UUIDs; all others are gone."""
        for host in self._silent.keys() - set(hosts):
            del self._silent[host]
            self._log.over(f"host {host}", "A host that is silent is gone")

    def one_of(self, domain: entities.Domain, place: Place) -> Seen:
        spm = _reachable(domain, place)
        if isinstance(spm, flags.Seen):
            return spm
        return self.one(spm, domain.id)

    def _not_listed(self, place: Place) -> Seen:
        assert place.spm is not None
        silent = self._silent.get(place.spm.id)
        if silent:
            return flags.unknown(silent[1])
        return flags.unknown(f"host {place.spm_name} does not see it")

    def _all(self, host: Host) -> dict[str, Seen]:
        if self._is_silent(host):
            return {}
        try:
            found = self._flags.all(host)
        except errors.Error as e:
            self._hears_not(host, e)
            return {}
        self._hears(host)
        return found

    def one(self, host: Host, sd_id: str) -> Seen:
        if self._is_silent(host):
            return flags.unknown(self._silent[host.id][1])
        try:
            found = self._flags.one(host, sd_id)
        except errors.Error as e:
            self._hears_not(host, e)
            return flags.unknown(e.with_code())
        self._hears(host)
        return found

    def _is_silent(self, host: Host) -> bool:
        if host.id not in self._silent:
            return False
        left = self._silent[host.id][0] - self._clock()
        return 0 < left <= AGAIN

    def _hears_not(self, host: Host, error: errors.Error) -> None:
        text = error.with_code()
        self._silent[host.id] = (self._clock() + AGAIN, text)
        self._log.problem(f"host {host.id}", text, error.name)

    def _hears(self, host: Host) -> None:
        self._silent.pop(host.id, None)
        self._log.over(f"host {host.id}", f"Host {host.address} answers again")


def _reachable(domain: entities.Domain, place: Place) -> Host | Seen:
    """The host that knows the flag, or what is seen if none is asked."""
    if domain.kind != inventory.DATA:
        return flags.unknown("")
    if place.obstacle or place.spm is None:
        return flags.unknown(place.obstacle)
    return place.spm
