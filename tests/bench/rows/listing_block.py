# SPDX-License-Identifier: GPL-2.0-or-later
"""`list`, by how many block domains there are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.measures import timed
from tests.bench.row import FLOOR, Measure, Row
from tests.support.storage import loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

COUNTS = (12, 50)

ROWS = [
    Row(
        f"list, {count} block domains",
        f"`list`, {count} block domains",
        (f"lvm, {count} VGs", "python"),
        1.1,
    )
    for count in COUNTS
]


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return str(loop.missing())


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        measures = [timed("python", FLOOR, floors.python())]
        for count in COUNTS:
            host = stack.enter_context(place.host(f"list-{count}-vgs"))
            devices = [d for vg in place.vgs(count) for d in vg.devices]
            host.configure(devices=", ".join(devices))
            lvm = floors.lvm(devices)
            measures.append(timed(f"lvm, {count} VGs", FLOOR, lvm))
            for product in products:
                key = f"list, {count} block domains"
                command = product.cli(host.cli.config, "list")
                measures.append(timed(key, product.name, command))
        yield measures
