# SPDX-License-Identifier: GPL-2.0-or-later
"""The plots of docs/performance.md, from what was measured."""

from __future__ import annotations

import os
import statistics
from typing import TYPE_CHECKING, Any

from tests.bench.row import FLOOR
from tests.bench.rows import listing, storm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.row import Taken
    from tests.bench.traced import Process

LIST, STORM, SET = (
    "performance-list.png",
    "performance-storm.png",
    "performance-set.png",
)
NAMES = (LIST, STORM, SET)

# Groups of rows that they are of.
GROUPS = {"list", "storm", "change"}

_INCHES = (7, 3.5)
_OURS, _FLOOR = "tab:blue", "tab:gray"


def missing() -> str:
    """Why nothing can be drawn here, or ""."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as e:
        return f"{e}: contrib/setup-dev bench"
    return ""


def draw(taken: Taken, product: str, directory: str) -> None:
    """Replaces the plots in a directory."""
    _draw_list(taken, product, os.path.join(directory, LIST))
    _draw_storm(taken, product, os.path.join(directory, STORM))
    _draw_set(taken, product, os.path.join(directory, SET))


def points(
    taken: Taken, product: str, keys: Iterable[tuple[int, str]]
) -> list[tuple[int, float]]:
    """(number, middle in ms) of each number that was measured."""
    return [
        (number, statistics.median(taken.values[product, key]) * 1000)
        for number, key in sorted(keys)
        if (product, key) in taken.values
    ]


def steps(processes: list[Process]) -> list[tuple[str, float, float]]:
    """(label, began, took) in ms, of a command and all that it has started."""
    first, *others = sorted(processes, key=lambda process: process.began)
    ours = [("the command", first.began, first.ended)]
    ours += [(p.label, p.began, p.ended) for p in others]
    return [
        (label, began * 1000, (ended - began) * 1000)
        for label, began, ended in ours
    ]


def _draw_list(taken: Taken, product: str, path: str) -> None:
    counts = (*listing.COUNTS, *listing.MORE_COUNTS)
    found = points(
        taken, product, [(n, f"list, {n} file domains") for n in counts]
    )
    floor = points(taken, FLOOR, [(n, "python") for n in counts])
    axes, save = _plot(path, "file domains, each on a mount", "ms")
    axes.plot(*zip(*found), "o-", color=_OURS, label="list")
    axes.plot(*zip(*floor), "--", color=_FLOOR, label="a bare Python")
    save()


def _draw_storm(taken: Taken, product: str, path: str) -> None:
    counts = (storm.CALLERS, *storm.MORE_CALLERS)
    found = points(
        taken, product, [(n, f"storm, {n} callers") for n in counts]
    )
    floor = points(taken, FLOOR, [(n, f"{n} sleepers") for n in counts])
    axes, save = _plot(path, "callers at once, a read of 50 ms", "slowest, ms")
    axes.plot(*zip(*found), "o-", color=_OURS, label="shared reads")
    label = "threads that sleep for two reads"
    axes.plot(*zip(*floor), "--", color=_FLOOR, label=label)
    save()


def _draw_set(taken: Taken, product: str, path: str) -> None:
    from matplotlib.figure import Figure

    kinds = ("file", "block")
    bars = [steps(taken.processes[product, f"set, {kind}"]) for kind in kinds]
    heights = [len(of_kind) + 2 for of_kind in bars]
    figure = Figure(figsize=(_INCHES[0], 0.22 * sum(heights)))
    both = figure.subplots(2, 1, gridspec_kw={"height_ratios": heights})
    for axes, kind, of_kind in zip(both, kinds, bars):
        for row, (label, began, took) in enumerate(of_kind):
            axes.barh(row, took, left=began, color=_OURS)
            axes.text(began + took, row, f" {label}", va="center", fontsize=7)
        axes.set(title=f"set, {kind} domain", yticks=[], xlabel="ms")
        axes.invert_yaxis()
        axes.margins(x=0.2)
    figure.tight_layout()
    _save(figure, path)


def _plot(path: str, across: str, up: str) -> tuple[Any, Any]:
    """Its axes, and what saves it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES)
    axes = figure.subplots()

    def save() -> None:
        axes.set(xlabel=across, ylabel=up)
        axes.set_ylim(bottom=0)
        axes.legend()
        figure.tight_layout()
        _save(figure, path)

    return axes, save


def _save(figure: Any, path: str) -> None:
    # Without the version of what has drawn it.
    figure.savefig(path, dpi=100, metadata={"Software": None})
