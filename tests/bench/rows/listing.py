# SPDX-License-Identifier: GPL-2.0-or-later
"""`list`, by how many domains there are, and of which kind."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.row import FLOOR, Measure, Row
from tests.bench.rows.hook import timed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

FILES = (50, 200)
VGS = (12, 50)
TARGETS = {50: 4, 200: 8}

ROWS = [
    *(
        Row(
            f"list, {count} file domains",
            f"`list`, {count} file domains",
            ("python",),
            TARGETS[count],
        )
        for count in FILES
    ),
    *(
        Row(
            f"list, {count} block domains",
            f"`list`, {count} block domains",
            (f"lvm, {count} VGs", "python"),
            1.1,
        )
        for count in VGS
    ),
]


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        measures = [timed("python", FLOOR, floors.python())]
        configs = {}
        for count in FILES:
            host = stack.enter_context(place.host(f"list-{count}-files"))
            place.file_domains(host, count)
            configs[f"list, {count} file domains"] = host.cli.config
        for count in VGS:
            host = stack.enter_context(place.host(f"list-{count}-vgs"))
            devices = [d for vg in place.vgs(count) for d in vg.devices]
            host.configure(devices=", ".join(devices))
            configs[f"list, {count} block domains"] = host.cli.config
            lvm = floors.lvm(devices)
            measures.append(timed(f"lvm, {count} VGs", FLOOR, lvm))
        for product in products:
            for row, config in configs.items():
                command = product.cli(config, "list")
                measures.append(timed(row, product.name, command))
        yield measures
