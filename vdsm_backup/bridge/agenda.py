# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which domains a round looks at.

All of them each `compare` seconds, and one between that if an event is about
it, if something is about to happen to it, if it waits, or if a look at it has
failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import next_look
from vdsm_backup.bridge.failing import Failing

if TYPE_CHECKING:
    from collections.abc import Collection

    from vdsm_backup.bridge.events import News

# Events that the bridge and other programs have added say nothing of a domain.
_ADDED_BY_PROGRAMS = range(9801, 9805)


class Agenda:
    """
    failing: domains with which a look has failed.

    compare: seconds. only: UUIDs of the domains that are looked at; none: all.
    Times are seconds since the epoch.
    """

    def __init__(self, compare: float, only: Collection[str]) -> None:
        self._compare = compare
        self._only = only
        self.failing = Failing()
        # When all hosts were asked for all of their domains.
        self._compared: float | None = None
        # Indexes of events that were looked at already.
        self._known: set[int] = set()
        # {UUID: when to look again}
        self._due: dict[str, float] = {}

    def renew(self) -> None:
        """A new epoch: nothing of the one before is new any more."""
        self._known, self._compared = set(), None

    def wanted(self, news: News, now: float) -> set[str] | None:
        """UUIDs of the domains to look at; None: all."""
        if next_look.is_time(self._compared, now, self._compare):
            return None
        named = {
            event.domain
            for event in news.events
            if event.number not in self._known
            and self.has(event.domain)
            and event.code not in _ADDED_BY_PROGRAMS
        }
        due = {
            sd_id
            for sd_id, when in self._due.items()
            if when <= now and not self.failing.waits(sd_id, now)
        }
        return named | due | self.failing.due(now)

    def has(self, sd_id: str) -> bool:
        return sd_id in self._only if self._only else bool(sd_id)

    def listed(self, sd_ids: Collection[str], now: float) -> None:
        """
        Hosts were asked for all that they have. Whatever fails from here on,
        this is not done again before it is time, but each look is.
        """
        self._compared = now
        self._due.update(dict.fromkeys(sd_ids, now))

    def looked(self, sd_id: str, due: float | None) -> None:
        """due: as next_look.due() has it."""
        self._due.pop(sd_id, None)
        if due is not None:
            self._due[sd_id] = due

    def keep(self, sd_ids: Collection[str]) -> None:
        """All other domains are gone."""
        self.failing.keep(sd_ids)
        for sd_id in self._due.keys() - set(sd_ids):
            del self._due[sd_id]

    def done(self, news: News) -> None:
        """The round was whole: all that is new was looked at."""
        self._known = {event.number for event in news.events}
