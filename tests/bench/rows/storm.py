# SPDX-License-Identifier: GPL-2.0-or-later
"""
A boot storm in VDSM: many VMs start at once and need the flag of one domain.
The reads are the plugin's shared reads; what they read is played by a pause.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.measures import Shared
from tests.bench.product import PYTHON
from tests.bench.row import COUNT, FLOOR, Measure, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

CALLERS = 500
READ = 0.05

# A few more rows than the table has, for the plot.
MORE_CALLERS = (50, 100, 200, 1000)

ROWS = [
    Row(
        f"storm, {CALLERS} callers",
        f"Storm in VDSM, {CALLERS} callers, a read of 50 ms: the slowest",
        (f"{CALLERS} sleepers",),
        1.1,
    ),
    Row(
        "storm, reads",
        f"Storm in VDSM, {CALLERS} callers: reads",
        target=2,
        unit=COUNT,
    ),
]

SHOWN = [
    Row(f"storm, {n} callers", f"Storm, {n} callers", (f"{n} sleepers",))
    for n in MORE_CALLERS
]


def run(library: str, callers: int) -> dict[str, float]:
    """What programs/storm.py says; without a library they only sleep."""
    path = os.path.join(floors.PROGRAMS, "storm.py")
    done = subprocess.run(
        [PYTHON, "-I", path, library, str(callers), str(READ)],
        check=True,
        capture_output=True,
        text=True,
    )
    said: dict[str, float] = json.loads(done.stdout)
    return said


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    measures = []
    for count in (CALLERS, *MORE_CALLERS):
        sleeping = _run("", count)
        measures.append(sleeping.measure(f"{count} sleepers", FLOOR, _slowest))
        for product in products:
            storm, key = (
                _run(product.library, count),
                f"storm, {count} callers",
            )
            measures.append(storm.measure(key, product.name, _slowest))
            if count == CALLERS:
                measures.append(
                    storm.measure("storm, reads", product.name, _reads, COUNT)
                )
    yield measures


def _run(library: str, callers: int) -> Shared[dict[str, float]]:
    return Shared(lambda: run(library, callers))


def _slowest(said: dict[str, float]) -> float:
    return said["slowest"]


def _reads(said: dict[str, float]) -> float:
    return said["reads"]
