# SPDX-License-Identifier: GPL-2.0-or-later
"""
What comes of a look at one domain: it is judged, people are told, and the
answer is carried out. The order is what makes it right: rounds.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import (
    decide,
    events,
    memory,
    next_look,
    rows,
    shapes,
    waits,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from vdsm_backup.bridge import entities, flags
    from vdsm_backup.bridge.acts import Acts
    from vdsm_backup.bridge.agenda import Agenda
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.inventory import Place
    from vdsm_backup.bridge.kept import Kept
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.shapes import Answer, Look, Policy


class Judge:
    """rows: what was seen of each domain, by UUID."""

    def __init__(
        self,
        engine: Engine,
        kept: Kept,
        acts: Acts,
        agenda: Agenda,
        log: Log,
        policy: Policy,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._kept = kept
        self._acts = acts
        self._agenda = agenda
        self._log = log
        self._policy = policy
        self._clock = clock
        self.rows: dict[str, rows.Row] = {}
        # {UUID: what an act has met there}
        self._met: dict[str, str] = {}

    def keep(self, sd_ids: Collection[str]) -> None:
        """All other domains are gone."""
        for kept in (self.rows, self._met):
            for sd_id in kept.keys() - set(sd_ids):
                del kept[sd_id]

    def met_at(self, sd_id: str, now: float) -> str:
        """What an act has met, until it is time to try whether it is over."""
        known = self._kept.state.domains.get(sd_id)
        if known is None or not memory.must_wait(known, now):
            return ""
        return self._met.get(sd_id, "")

    def judge(
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
        self._agenda.looked(domain.id, due)
        if not self._kept.has_file or new is None:
            return False
        waits.tell(self._log, self.rows[domain.id], answer)
        untold: errors.Error | None = None
        if answer.tell:
            self._kept.remember(domain.id, memory.untold(before, new))
            self._kept.save()
            try:
                self._acts.tell(domain, answer, place.spm_name)
            except errors.Error as e:
                if answer.act == shapes.NOTHING:
                    raise
                # A report that fails holds back no act. It is in the journal.
                events.probe(self._engine)
                untold = e
            else:
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
        if untold is not None:
            raise untold
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
