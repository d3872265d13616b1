# SPDX-License-Identifier: GPL-2.0-or-later
"""`list`, by how many file domains there are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.measures import timed
from tests.bench.row import FLOOR, Measure, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

# {how many domains, each on a mount of its own: the target}. Those without
# one are for the plot.
COUNTS = {50: 4, 200: 8}
MORE_COUNTS = (1, 10, 100)

ROWS = [
    Row(
        f"list, {count} file domains",
        f"`list`, {count} file domains",
        ("python",),
        target,
    )
    for count, target in COUNTS.items()
]

SHOWN = [
    Row(f"list, {n} file domains", f"`list`, {n} file domains", ("python",))
    for n in MORE_COUNTS
]


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        measures = [timed("python", FLOOR, floors.python())]
        for count in (*COUNTS, *MORE_COUNTS):
            host = stack.enter_context(place.host(f"list-{count}"))
            place.file_domains(host, count)
            for product in products:
                key = f"list, {count} file domains"
                command = product.cli(host.cli.config, "list")
                measures.append(timed(key, product.name, command))
        yield measures
