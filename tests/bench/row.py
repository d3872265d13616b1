# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is measured, and what becomes of the figures. Pure.

A `Measure` gives one figure each time that it is taken. A `Row` of the table
compares the figures of one measure with those of its floors, each with those
of the same round, and the middle of these ratios with its target.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from tests.bench.traced import Process

SECONDS, BYTES, COUNT = "second", "byte", "integer"

# Names of products: what this tree has, and nothing of a product.
THIS = "this"
FLOOR = "floor"


class Measure(NamedTuple):
    """
    key: of a row or of a floor. product: its name, or FLOOR.
    take: the figure, and the CPU seconds behind it if they are known.
    once: it is the same in each round. trace: which processes it has, in a
    run that does not count.
    """

    key: str
    product: str
    take: Callable[[], tuple[float, Optional[float]]]
    unit: str = SECONDS
    once: bool = False
    trace: Optional[Callable[[], list[Process]]] = None


class Row(NamedTuple):
    """
    key: of the measure. of: keys of the floors, which are added up. None: the
    figure itself is compared with the target. target: at most this. None: the
    row is only shown.
    """

    key: str
    title: str
    of: tuple[str, ...] = ()
    target: Optional[float] = None
    unit: str = SECONDS


def needed(rows: list[Row], measures: list[Measure]) -> list[Measure]:
    """Those of the rows, and of their floors."""
    keys = {row.key for row in rows} | {key for row in rows for key in row.of}
    return [measure for measure in measures if measure.key in keys]


class Figures(NamedTuple):
    """
    What one product has done. value: the middle, with its quartiles. ratio:
    of the floor, with its quartiles, or None. cpu, cpu_ratio: the same of CPU
    time, which depends less on what else the machine does.
    """

    value: float
    low: float
    high: float
    cpu: Optional[float] = None
    floor: Optional[float] = None
    ratio: Optional[float] = None
    ratio_low: Optional[float] = None
    ratio_high: Optional[float] = None
    cpu_ratio: Optional[float] = None


class Taken:
    """
    All figures of a run: {(product, key): values, one a round}. processes:
    those of one run of a command, where it was traced. left_out: {group: why
    it was not measured}.
    """

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], list[float]] = {}
        self.cpu: dict[tuple[str, str], list[float]] = {}
        self.units: dict[tuple[str, str], str] = {}
        self.processes: dict[tuple[str, str], list[Process]] = {}
        self.left_out: dict[str, str] = {}

    def add(self, measure: Measure) -> None:
        name = measure.product, measure.key
        value, cpu = measure.take()
        self.values.setdefault(name, []).append(value)
        self.units[name] = measure.unit
        if cpu is not None:
            self.cpu.setdefault(name, []).append(cpu)

    def trace(self, measure: Measure) -> None:
        if measure.trace is not None:
            name = measure.product, measure.key
            self.processes[name] = measure.trace()

    def products(self) -> list[str]:
        """In the order in which they were measured."""
        return list(dict.fromkeys(p for p, _ in self.values if p != FLOOR))


def figures(row: Row, product: str, taken: Taken) -> Figures | None:
    """None: the row was not measured."""
    values = taken.values.get((product, row.key))
    if not values:
        return None
    low, value, high = quartiles(values)
    cpu = taken.cpu.get((product, row.key))
    found = Figures(value, low, high, statistics.median(cpu) if cpu else None)
    if not row.of:
        return found
    floors = _floors(row, product, taken.values)
    ratios = quartiles([v / f for v, f in zip(values, floors)])
    found = found._replace(
        floor=statistics.median(floors),
        ratio_low=ratios[0],
        ratio=ratios[1],
        ratio_high=ratios[2],
    )
    cpu_floors = _floors(row, product, taken.cpu)
    if not cpu or not cpu_floors:
        return found
    cpu_ratios = [c / f for c, f in zip(cpu, cpu_floors)]
    return found._replace(cpu_ratio=statistics.median(cpu_ratios))


def _floors(
    row: Row, product: str, figures: dict[tuple[str, str], list[float]]
) -> list[float]:
    """Of each round, added up; some floors are the product's own."""
    found = [
        figures.get((product, key)) or figures.get((FLOOR, key), [])
        for key in row.of
    ]
    return [sum(one) for one in zip(*found)]


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The first, the middle and the third one."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, method="inclusive")
    return low, middle, high


def compared(found: Figures) -> float:
    """What the target is about."""
    return found.value if found.ratio is None else found.ratio


def verdict(row: Row, found: Figures) -> str:
    """Whether the target is met; "" for a row without one."""
    if row.target is None:
        return ""
    return "met" if compared(found) <= row.target else "not met"


def change(
    row: Row,
    base: str,
    product: str,
    figures: dict[tuple[str, str], list[float]],
) -> float | None:
    """
    How many times as much as the base: the middle of the rounds, each by
    itself. None: one of both has no figures.
    """
    before = figures.get((base, row.key))
    after = figures.get((product, row.key))
    if not before or not after:
        return None
    return statistics.median(a / b for b, a in zip(before, after))
