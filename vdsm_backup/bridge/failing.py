# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domains with which a look has failed, and when to look at each of them again.

Whatever always fails with one domain must neither hold up the others nor ask
its host for its flag every few seconds: so what has failed last comes last,
and what fails again waits. The first failure may be that of the engine as a
whole: it ends the round, and the next one does it again.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import memory

if TYPE_CHECKING:
    from collections.abc import Collection

# Seconds until the next look, after each failure. The last one stays.
_DELAYS = (0, *memory.RETRIES)


class _Failure(NamedTuple):
    """order: larger, the later. in_a_row: how many. again: when to look."""

    error: errors.Error
    order: int
    in_a_row: int
    again: float


class Failing:
    """Times are seconds since the epoch."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}
        self._orders = itertools.count(1)

    @property
    def error(self) -> errors.Error | None:
        """What has failed last, of what is not over."""
        latest = max(
            self._failures.values(), key=lambda f: f.order, default=None
        )
        return None if latest is None else latest.error

    def add(self, sd_id: str, error: errors.Error, now: float) -> None:
        """
        A look has failed. A state that cannot be saved is no fault of the
        domain, and nothing waits for it.
        """
        before = self._failures.get(sd_id)
        count = 0
        if not isinstance(error, errors.BridgeState):
            count = 1 if before is None else before.in_a_row + 1
        delay = _DELAYS[min(max(count - 1, 0), len(_DELAYS) - 1)]
        self._failures[sd_id] = _Failure(
            error, next(self._orders), count, now + delay
        )

    def over(self, sd_id: str) -> None:
        """A look has not failed, or nobody is interested in it any more."""
        self._failures.pop(sd_id, None)

    def keep(self, sd_ids: Collection[str]) -> None:
        """All others are gone."""
        for sd_id in self._failures.keys() - set(sd_ids):
            self.over(sd_id)

    def order(self, sd_id: str) -> int:
        """Sort by it: what has failed last comes last."""
        failure = self._failures.get(sd_id)
        return 0 if failure is None else failure.order

    def waits(self, sd_id: str, now: float) -> bool:
        """Whether it is too early for the next look."""
        failure = self._failures.get(sd_id)
        if failure is None:
            return False
        # A clock that went back must not hold it up for long.
        return 0 < failure.again - now <= _DELAYS[-1]

    def due(self, now: float) -> set[str]:
        """Those to look at now."""
        return {
            sd_id for sd_id in self._failures if not self.waits(sd_id, now)
        }
