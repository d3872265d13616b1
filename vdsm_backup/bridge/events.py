# SPDX-License-Identifier: GPL-2.0-or-later
"""
The events of an engine that are new, and whether they go on where they were.

The engine answers the newest events, at most so many as were asked for, and
drops the oldest: so the bridge asks for more until it has all that it does
not know. An event gets its index before it is there for others, so events
before the last known one may still come: OVERLAP of them are read again.

A database that was restored gives out indexes once more. The bridge remembers
the newest event (state.Anchor). If that is another one now, or is gone, the
sequence is another one: a new epoch begins, in which nothing is derived from
what was seen before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.bridge import state
from vdsm_backup.bridge.shapes import Edit
from vdsm_backup.bridge.state import Anchor, State

if TYPE_CHECKING:
    from typing import Protocol

    from vdsm_backup.bridge import entities

    class Engine(Protocol):
        """As engine.Engine."""

        def events(
            self, most: int, after: int = 0
        ) -> list[entities.Event]: ...

        def event(self, index: int) -> entities.Event | None: ...


# COMMON/AuditLogType.java of the engine.
UPDATED = 958
ADDED = 956

OVERLAP = 200

# What correlation ids of a bridge begin with: an edit of a domain that has it
# was made by one, this or another.
PREFIX = "vdsm-backup-"

# Events asked for at once: first, and at last. An engine with more events than
# that since the last poll is taken as one that has lost the older ones.
FIRST = 400
LAST = 25_600


class News(NamedTuple):
    """
    state: with the epoch and the newest event.
    newest: its index; 0: there is none.
    events: those since the last poll, and some before. None in a new epoch.
    """

    state: State
    newest: int
    events: tuple[entities.Event, ...]


def read(engine: Engine, known: State, now: float) -> News:
    """
    What is new. now: seconds since the epoch.

    Raises what the engine's methods raise.
    """
    anchor = known.anchor
    if anchor is None:
        return _begin(engine, known, now)
    found = _since(engine, anchor.number - OVERLAP)
    if not _goes_on(engine, anchor, found):
        return _begin(engine, known, now)
    newest = max([anchor, *map(_anchor, found)])
    return News(known._replace(anchor=newest), newest.number, tuple(found))


def _begin(engine: Engine, known: State, now: float) -> News:
    """The first events of an epoch. Those before are not read."""
    found = engine.events(1)
    if not found and known.epoch and known.anchor is None:
        # There is still none, so nothing begins anew.
        return News(known, 0, ())
    renewed = state.renew(known, state.next_epoch(known, now))
    if not found:
        return News(renewed, 0, ())
    newest = _anchor(found[0])
    return News(renewed._replace(anchor=newest), newest.number, ())


def _since(engine: Engine, index: int) -> list[entities.Event]:
    most = FIRST
    while True:
        found = engine.events(most, index)
        if len(found) < most or most >= LAST:
            return found
        most *= 4


def _goes_on(
    engine: Engine, anchor: Anchor, found: list[entities.Event]
) -> bool:
    """Whether the newest event that is known is there, and the same."""
    for event in found:
        if event.number == anchor.number:
            return _anchor(event) == anchor
    # A person may have dismissed it: then it is in no list, and still there.
    event_now = engine.event(anchor.number)
    return event_now is not None and _anchor(event_now) == anchor


def _anchor(event: entities.Event) -> Anchor:
    return Anchor(event.number, event.time, event.code)


def probe(engine: Engine) -> None:
    """
    After a call that has failed: raises what this one raises if the engine is
    away. Otherwise that was about one thing alone, and all others go on.
    """
    engine.events(1)


def edits(news: News, sd_id: str) -> tuple[Edit, ...]:
    """Who has edited this domain."""
    return tuple(
        Edit(e.number, e.time, e.user, e.correlation.startswith(PREFIX))
        for e in news.events
        if e.domain == sd_id and e.code == UPDATED
    )


def imported(news: News, sd_id: str) -> int:
    """Index of the newest event of an import of this domain, 0 for none."""
    indexes = (
        event.number
        for event in news.events
        if event.domain == sd_id and event.code == ADDED
    )
    return max(indexes, default=0)
