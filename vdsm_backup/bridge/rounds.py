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

What a round looks at is in agenda.py.
""" ""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import (
    decide,
    events,
    flags,
    inventory,
    looks,
    memory,
    next_look,
    rows,
    shapes,
    state,
    waits,
)
from vdsm_backup.bridge.acts import Acts
from vdsm_backup.bridge.agenda import Agenda
from vdsm_backup.bridge.kept import Kept
from vdsm_backup.bridge.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.inventory import Inventory, Place
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.settings import Settings
    from vdsm_backup.bridge.shapes import Answer, Look
    from vdsm_backup.bridge.state_file import StateFile


class Bridge:
    """
    rows: what was seen of each domain, by UUID.
    inventory: of the last look at all domains; None before the first one.
    agenda: what is looked at, and when.

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
        self._clock = clock
        self._policy = shapes.Policy(settings.on_untick_clear, settings.grace)
        self._reader = Reader(by_host, log, clock)
        self._acts = Acts(
            engine, by_host, self._reader, log, settings.host_user
        )
        self.rows: dict[str, rows.Row] = {}
        self.inventory: Inventory | None = None
        self.agenda = Agenda(settings.compare, settings.domains)
        # Whether there is something that the file has not.
        self._unsaved = False
        # {UUID: what an act has met there}
        self._met: dict[str, str] = {}

    @property
    def state(self) -> state.State:
        return self._kept.state

    def round(self) -> bool:
        """
        Returns whether all domains were looked at.

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
                self._look_at(wanted, news, now)
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
        return wanted is None

    # Looking

    def _look_at(
        self, wanted: set[str] | None, news: events.News, now: float
    ) -> None:
        found = inventory.Inventory(
            self._engine,
            self._settings.domains or None if wanted is None else wanted,
            self._settings.host_user,
        )
        if wanted is None:
            self.inventory = found
        self._kept.state = state.forget(self._kept.state, set(found.domains))
        for sd_id in self.rows.keys() - found.domains.keys():
            waits.gone(self._log, self.rows[sd_id])
        self.agenda.keep(found.domains)
        for kept in (self.rows, self._met):
            for sd_id in kept.keys() - found.domains.keys():
                del kept[sd_id]
        chosen = [
            domain
            for sd_id, domain in sorted(found.domains.items())
            if (wanted is None or sd_id in wanted) and self.agenda.has(sd_id)
        ]
        places = {domain.id: found.place(domain) for domain in chosen}
        lists: dict[str, flags.Seen] = {}
        if wanted is None:
            lists = self._reader.lists(chosen, places)
            self.agenda.listed(lists, now)
        acted = False
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
                met = self._met_at(domain.id, now)
                look = looks.look(domain, found, place, seen, news, now, met)
                acted |= self._judge(domain, look, place, seen)
            except errors.Error as e:
                failing.interrupted(domain, e, now)
                if isinstance(e, errors.BridgeState):
                    raise
                events.probe(self._engine)
                failing.add(domain, e, self._clock())
                self._put_off(domain, found, place, seen, news, now)
                acted = True
            else:
                failing.over(domain.id)
                waits.looked(self._log, domain)

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
            new,
            error.with_code(),
        )
        waits.failed(self._log, domain, error)

    def _met_at(self, sd_id: str, now: float) -> str:
        """What an act has met, until it is time to try whether it is over."""
        known = self._kept.state.domains.get(sd_id)
        if known is None or not memory.must_wait(known, now):
            return ""
        return self._met.get(sd_id, "")

    # Judging

    def _judge(
        self,
        domain: entities.Domain,
        look: Look,
        place: Place,
        seen: flags.Seen,
    ) -> bool:
        """Returns whether there was an act."""
        before = self._kept.state.domains.get(domain.id)
        answer, new = decide.decide(before, look, self._policy)
        self.rows[domain.id] = rows.row(
            domain.id,
            domain.name,
            place.data_center,
            look,
            answer,
            new,
            seen.why,
        )
        due = next_look.due(look, answer, new, self._clock())
        self.agenda.looked(domain.id, due)
        if not self._kept.has_file or new is None:
            return False
        waits.tell(self._log, self.rows[domain.id], answer)
        if answer.tell:
            self._kept.remember(domain.id, memory.untold(before, new))
            self._kept.save()
            self._acts.tell(domain, answer, place.spm_name)
            new = memory.told(new, decide.report_key(answer))
        if new != before:
            self._kept.remember(domain.id, new)
        if answer.act == shapes.NOTHING:
            return False
        self._kept.save()
        is_tried = False
        try:
            is_tried = self._acts.is_as_before(domain.id, look)
        finally:
            if not is_tried:
                self._kept.remember(domain.id, memory.not_tried(before, new))
        if is_tried:
            self._act(domain, look, answer)
        return True

    def _act(
        self, domain: entities.Domain, look: Look, answer: Answer
    ) -> None:
        done, error = self._acts.perform(domain, look, answer)
        self._met.pop(domain.id, None)
        if done.obstacle:
            self._met[domain.id] = done.obstacle
        new = memory.after(
            self._kept.state.domains[domain.id],
            answer.act,
            done.outcome,
            self._clock(),
            done.stamp,
            done.why,
        )
        self._kept.remember(domain.id, new)
        self._kept.save()
        if error is not None:
            # It is tried again, as what is remembered says.
            events.probe(self._engine)
