# SPDX-License-Identifier: GPL-2.0-or-later
"""Memory at its peak, and how many processes there are beside the first."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors, memory
from tests.bench.measures import Shared
from tests.bench.row import BYTES, COUNT, FLOOR, Measure, Row
from tests.bench.rows import hook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.memory import Peaks
    from tests.bench.place import Place
    from tests.bench.product import Product
    from tests.bench.timing import Command

DOMAINS = 50

_PYTHON = "memory, python"

ROWS = []
for _key, _what, _times in (
    ("hook", "hook, 1 file disk", 1.3),
    ("list", f"`list`, {DOMAINS} file domains", 2),
):
    ROWS += [
        Row(
            f"memory, {_key}",
            f"Peak memory, {_what}: the process itself",
            (_PYTHON,),
            _times,
            BYTES,
        ),
        Row(
            f"memory, {_key} and below",
            f"Peak memory, {_what}: with all below it",
            (_PYTHON,),
            None,
            BYTES,
        ),
        Row(
            f"processes, {_key}",
            f"Processes, {_what}: it and its children",
            target=2,
            unit=COUNT,
        ),
    ]


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with place.host("memory") as host:
        domains = place.file_domains(host, DOMAINS)
        xml = place.file("memory.xml", hook.xml(domains[:1]))
        config = host.cli.config
        measures = [_run(floors.python()).measure(_PYTHON, FLOOR, _own, BYTES)]
        for product in products:
            commands = {
                "hook": hook.of_vdsm(product, config, xml),
                "list": product.cli(config, "list"),
            }
            for name, command in commands.items():
                measures += _of(name, product.name, _run(command))
        yield measures


def _run(command: Command) -> Shared[Peaks]:
    return Shared(lambda: memory.peaks(command))


def _own(peaks: Peaks) -> float:
    return peaks.own


def _of(name: str, product: str, run: Shared[Peaks]) -> list[Measure]:
    return [
        run.measure(f"memory, {name}", product, _own, BYTES),
        run.measure(
            f"memory, {name} and below", product, lambda p: p.whole, BYTES
        ),
        run.measure(
            f"processes, {name}", product, lambda p: 1 + len(p.below), COUNT
        ),
    ]
