# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures of commands, and what measures share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Generic, TypeVar

from tests.bench import traced
from tests.bench.row import COUNT, SECONDS, Measure

if TYPE_CHECKING:
    from tests.bench.timing import Command

T = TypeVar("T")


def timed(key: str, product: str, command: Command) -> Measure:
    def take() -> tuple[float, float]:
        sample = command.sample()
        return sample.wall, sample.cpu

    return Measure(key, product, take, trace=lambda: traced.run(command))


def timed_together(
    key: str, product: str, command: Command, count: int
) -> Measure:
    """So many of them at a time; the figure is the share of one."""

    def take() -> tuple[float, float]:
        sample = command.at_once(count)
        return sample.wall, sample.cpu

    return Measure(key, product, take)


def constant(key: str, product: str, count: int) -> Measure:
    """What was counted before."""
    return Measure(key, product, lambda: (count, None), COUNT, once=True)


class Shared(Generic[T]):
    """
    One run for all measures that tell something of it: it runs again when one
    of them asks a second time.
    """

    def __init__(self, run: Callable[[], T]) -> None:
        self._run = run
        self._asked: set[str] = set()
        self._found: list[T] = []

    def get(self, key: str) -> T:
        """key: of the measure that asks."""
        if key in self._asked or not self._found:
            self._found = [self._run()]
            self._asked = set()
        self._asked.add(key)
        return self._found[0]

    def measure(
        self,
        key: str,
        product: str,
        of: Callable[[T], float],
        unit: str = SECONDS,
    ) -> Measure:
        """of: the figure of a run."""
        return Measure(key, product, lambda: (of(self.get(key)), None), unit)
