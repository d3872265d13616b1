# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a bridge does each few seconds: it reads the events that are new, looks at
the domains that they are about, and makes box and flag agree.

The order of a round is what makes it right:

1. the events, then the boxes, then the flags: an edit whose event is not there
   yet is seen by its box, and an event that is known was made before the box
   was read;
2. what was seen, onto the disk, and then what people are told; a bridge that
   is killed here tells it again, and the engine takes it once;
3. the state, with what the act may become, onto the disk;
4. both sides once more, and the act only if they are as before;
5. what became of the act, onto the disk.

From the second on it is in judge.py, for one domain after the other.
What a round looks at is in agenda.py.
""" ""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import (
    events,
    flags,
    host_hooks,
    inventory,
    looks,
    memory,
    rows,
    shapes,
    state,
    waits,
)
from vdsm_backup.bridge.acts import Acts, is_gone
from vdsm_backup.bridge.agenda import Agenda
from vdsm_backup.bridge.judge import Judge
from vdsm_backup.bridge.kept import Kept
from vdsm_backup.bridge.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.inventory import Inventory, Place
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.settings import Settings
    from vdsm_backup.bridge.state_file import StateFile


class Bridge:
    """
    rows: what was seen of each domain, by UUID.
    inventory: of the last look at all domains; None before the first one.
    agenda: what is looked at, and when.
    between: called between two domains; a round may take long.

    file: saved to, None for a bridge that changes nothing: then nobody is told
    anything either, and a round shows what would be done.
    """

    def __init__(
        self,
        engine: Engine,
        by_host: flags.Flags,
        settings: Settings,
        log: Log,
        known: state.State,
        file: StateFile | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._log = log
        self._kept = Kept(known, file, log)
        self._centers = waits.Centers(log)
        self._clock = clock
        policy = shapes.Policy(settings.on_untick_clear, settings.grace)
        self._reader = Reader(by_host, log, clock)
        self._acts = Acts(
            engine, by_host, self._reader, log, settings.host_user
        )
        self.inventory: Inventory | None = None
        self.between: Callable[[], None] = lambda: None
        self.agenda = Agenda(settings.compare, settings.domains)
        # Whether there is something that the file has not.
        self._unsaved = False
        self._judge = Judge(
            engine, self._kept, self._acts, self.agenda, log, policy, clock
        )

    @property
    def state(self) -> state.State:
        return self._kept.state

    @property
    def rows(self) -> dict[str, rows.Row]:
        return self._judge.rows

    @property
    def is_partial(self) -> bool:
        """Whether a host does not answer."""
        return self._reader.is_partial

    @property
    def problem(self) -> str:
        """What fails with some domains or data centers, or ""."""
        found = self.agenda.failing.problem, self._centers.problem
        return "; ".join(filter(None, found))

    def round(self) -> None:
        """
        Raises what the engine's methods raise, and BridgeState. What was not
        finished is done in the next round.
        """
        now = self._clock()
        news = events.read(self._engine, self._kept.state, now)
        if news.state.epoch != self._kept.state.epoch:
            self._kept.state = news.state
            self.agenda.renew()
        wanted = self.agenda.wanted(news, now)
        if wanted is None or wanted:
            self._unsaved = True
            if self._kept.is_full:
                # A look could not be remembered, and leads to nothing.
                self._kept.save()
            try:
                if not self._look_at(wanted, news, now):
                    self._kept.save()
                    return
            except errors.BridgeState:
                raise
            except errors.Error:
                # It may come again in each round. Events stay new until a
                # round was whole.
                self._kept.save_as_far_as_it_is()
                raise
        kept = self._kept
        kept.state = kept.state._replace(anchor=news.state.anchor)
        self.agenda.done(news)
        if self._unsaved:
            self._kept.save()
            self._unsaved = False

    # Looking

    def _look_at(
        self, wanted: set[str] | None, news: events.News, now: float
    ) -> bool:
        """Returns whether all of these were looked at."""
        found = inventory.Inventory(
            self._engine,
            self._settings.domains or None if wanted is None else wanted,
            self._settings.host_user,
        )
        if wanted is None:
            self.inventory = found
        self._centers.see(found)
        self._kept.state = state.forget(self._kept.state, set(found.domains))
        for sd_id in self.rows.keys() - found.domains.keys():
            waits.gone(self._log, self.rows[sd_id])
        self.agenda.keep(found.domains)
        self._judge.keep(found.domains)
        chosen = [
            domain
            for sd_id, domain in sorted(found.domains.items())
            if (wanted is None or sd_id in wanted) and self.agenda.has(sd_id)
        ]
        places = {domain.id: found.place(domain) for domain in chosen}
        lists: dict[str, flags.Seen] = {}
        if wanted is None:
            self._reader.keep({host.id for host in found.hosts})
            lists = self._reader.lists(chosen, places)
            self.agenda.listed(lists, now)
        acted, failures = False, 0
        failing = self.agenda.failing
        chosen.sort(key=lambda domain: failing.order(domain.id))
        for domain in chosen:
            place = places[domain.id]
            seen = lists.get(domain.id)
            if failing.waits(domain.id, now):
                self._put_off(domain, found, place, seen, news, now)
                continue
            try:
                if wanted is not None and acted:
                    # That has taken its time.
                    domain = self._engine.domain(domain.id)
                if seen is None:
                    seen = self._reader.one_of(domain, place)
                met = self._judge.met_at(domain.id, now)
                look = looks.look(domain, found, place, seen, news, now, met)
                acted |= self._judge.judge(domain, look, place, seen)
            except errors.Error as e:
                if isinstance(e, errors.BridgeState):
                    failing.interrupted(domain, e, now)
                    raise
                if is_gone(e):
                    failing.over(domain.id)
                    continue
                failing.add(domain, e, self._clock())
                events.probe(self._engine)
                self._put_off(domain, found, place, seen, news, now)
                acted = True
                failures += 1
                if failures == host_hooks.MOST_FAILURES:
                    # Each may have hung for long. What has failed last comes
                    # last in the next round.
                    return False
            else:
                failing.over(domain.id)
                waits.looked(self._log, domain)
            self.between()
        return True

    def _put_off(
        self,
        domain: entities.Domain,
        found: Inventory,
        place: Place,
        seen: flags.Seen | None,
        news: events.News,
        now: float,
    ) -> None:
        """
        A look has failed, and the next one must wait. The events of this one
        may be gone by then.
        """
        error = self.agenda.failing.error(domain.id)
        assert error is not None
        if seen is None:
            before = self.rows.get(domain.id)
            seen = flags.Seen(before.flag) if before else flags.unknown("")
        look = looks.look(domain, found, place, seen, news, now, "")
        known = self._kept.state.domains.get(domain.id)
        new = memory.unseen(known, look)
        if new is not None:
            self._kept.remember(domain.id, new)
        self.rows[domain.id] = rows.failed(
            domain.id,
            domain.name,
            place.data_center,
            look,
            self.rows.get(domain.id),
            error.with_code(),
        )
        waits.failed(self._log, domain, error)
