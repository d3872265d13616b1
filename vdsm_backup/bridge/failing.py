# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domains with which a look has failed, and when to look at each of them again.

Whatever always fails with one domain must neither hold up the others nor ask
its host for its flag every few seconds: so what has failed last comes last,
and what fails again waits. One failure may be that of the engine as a whole,
and counts for nothing.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.text import listed, printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from vdsm_backup import errors
    from vdsm_backup.bridge.entities import Domain

# Seconds until the next look, after each failure. The last one stays: it is
# that of `compare` by default, when hosts are asked for all of their flags.
DELAYS = (0, 60, 300)


class _Failure(NamedTuple):
    """order: larger, the later. in_a_row: how many. again: when to look."""

    name: str
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
    def problem(self) -> str:
        """What fails, and why it did last; or ""."""
        if not self._failures:
            return ""
        found = sorted(self._failures.values(), key=lambda f: f.order)
        names = sorted(printable(failure.name) for failure in found)
        return f"Looks at {listed(names)} fail: {found[-1].error.with_code()}"

    def error(self, sd_id: str) -> errors.Error | None:
        failure = self._failures.get(sd_id)
        return None if failure is None else failure.error

    def add(self, domain: Domain, error: errors.Error, now: float) -> None:
        """A look has failed."""
        before = self._failures.get(domain.id)
        in_a_row = 1 if before is None else before.in_a_row + 1
        delay = DELAYS[min(in_a_row, len(DELAYS)) - 1]
        self._add(domain, error, in_a_row, now + delay)

    def interrupted(
        self, domain: Domain, error: errors.Error, now: float
    ) -> None:
        """The state cannot be saved: the look is made in the next round."""
        before = self._failures.get(domain.id)
        in_a_row = 0 if before is None else before.in_a_row
        self._add(domain, error, in_a_row, now)

    def _add(
        self, domain: Domain, error: errors.Error, in_a_row: int, again: float
    ) -> None:
        order = next(self._orders)
        self._failures[domain.id] = _Failure(
            domain.name, error, order, in_a_row, again
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
        return 0 < failure.again - now <= DELAYS[-1]

    def due(self, now: float) -> set[str]:
        """Those to look at now."""
        return {
            sd_id for sd_id in self._failures if not self.waits(sd_id, now)
        }
