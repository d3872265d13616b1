# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of what was measured, for a terminal and for the page. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import row as rows
from tests.bench import traced
from tests.bench.row import BYTES, COUNT, Figures, Row, Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEAD = ("", "measured", "floor", "ratio", "CPU ratio", "target", "")
PAGE = (*HEAD, "modules and processes")
COMPARED = (
    "",
    "base",
    "this",
    "this / base",
    "of CPU",
    "ratio",
    "target",
    "",
)


def cells(row: Row, found: Figures) -> tuple[str, ...]:
    """One line of the table; its columns are HEAD."""
    return (
        row.title,
        measured(found, row.unit),
        amount(found.floor, row.unit),
        ratio(found),
        times(found.cpu_ratio),
        limit(row),
        rows.verdict(row, found),
    )


def lines(
    table: Iterable[Row], product: str, taken: Taken
) -> list[tuple[str, ...]]:
    found = [(row, rows.figures(row, product, taken)) for row in table]
    return [cells(row, figures) for row, figures in found if figures]


def with_processes(
    table: Iterable[Row], product: str, taken: Taken
) -> list[tuple[str, ...]]:
    """The same, and what each command starts; the columns are PAGE."""
    found = []
    for row in table:
        figures = rows.figures(row, product, taken)
        if figures:
            processes = taken.processes.get((product, row.key))
            started = traced.summary(processes) if processes else ""
            found.append((*cells(row, figures), started))
    return found


def compared(
    table: Iterable[Row], base: str, product: str, taken: Taken
) -> list[tuple[str, ...]]:
    """Side by side; the columns are COMPARED."""
    found = []
    for row in table:
        before = rows.figures(row, base, taken)
        after = rows.figures(row, product, taken)
        if before and after:
            found.append(
                (
                    row.title,
                    measured(before, row.unit),
                    measured(after, row.unit),
                    times(rows.change(row, base, product, taken.values)),
                    times(rows.change(row, base, product, taken.cpu)),
                    ratio(after),
                    limit(row),
                    rows.verdict(row, after),
                )
            )
    return found


def measured(found: Figures, unit: str) -> str:
    text = amount(found.value, unit)
    if unit == COUNT:
        return text
    text += f" ({amount(found.low, unit)} to {amount(found.high, unit)})"
    if found.cpu is not None:
        text += f", CPU {amount(found.cpu, unit)}"
    return text


def amount(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == COUNT:
        return f"{value:g}"
    if unit == BYTES:
        return f"{value / 1e6:.1f} MB"
    milliseconds = value * 1000
    return f"{milliseconds:.{0 if milliseconds >= 100 else 1}f} ms"


def ratio(found: Figures) -> str:
    if found.ratio is None:
        return ""
    spread = f"{found.ratio_low:.2f} to {found.ratio_high:.2f}"
    return f"{found.ratio:.2f} x ({spread})"


def times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} x"


def limit(row: Row) -> str:
    if row.target is None:
        return ""
    return f"{row.target:g} x" if row.of else amount(row.target, row.unit)


def text(head: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    """In columns, for a terminal."""
    widths = [max(map(len, column)) for column in zip(head, *found)]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths)).rstrip()
        for line in (head, *found)
    )


def markdown(head: Sequence[str], found: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join(
        "| " + " | ".join(line) + " |" for line in (head, rule, *found)
    )
