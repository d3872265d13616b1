# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge remembers of an engine: of its events, and of each domain.
Pure.

An epoch is a sequence of events of the engine, from one restore of its
database to the next. Its number is larger than any before, also when the state
was lost: what was reported in an earlier epoch must not look the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vdsm_backup.bridge.shapes import Memory


class Anchor(NamedTuple):
    """
    The newest event of the engine that was seen. By it the bridge knows the
    sequence again: a restored engine has another event with this index, or
    none.

    number: its index.
    time: in milliseconds since the epoch, as the engine has it.
    """

    number: int
    time: int
    code: int


class State(NamedTuple):
    """
    epoch: number of the sequence of events; 0: none was seen.
    anchor: None: the engine had no event.
    domains: what is remembered, by UUID.
    """

    epoch: int = 0
    anchor: Anchor | None = None
    domains: dict[str, Memory] = {}


def next_epoch(state: State, now: float) -> int:
    """The number of a new epoch. now: seconds since the epoch of Unix."""
    return max(state.epoch + 1, int(now))


def forget(state: State, listed: set[str]) -> State:
    """
    Without the domains that the engine does not have any more.

    listed: UUIDs of all that it has.
    """
    kept = {s: m for s, m in state.domains.items() if s in listed}
    return state._replace(domains=kept)


def renew(state: State, epoch: int) -> State:
    """
    As the first state of an epoch: what is remembered of domains belongs to
    an earlier one, and decide() sees that by the number.
    """
    return state._replace(epoch=epoch, anchor=None)
