# SPDX-License-Identifier: GPL-2.0-or-later
"""
One start of a VM, as VDSM does it: each process of ours that it waits for. A
row without a target: it is what an administrator would notice.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench.row import Measure, Row
from tests.bench.rows import hook
from tests.bench.timing import Command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

ROWS = [
    Row(
        "start, hooks",
        "Start of a VM, 1 file disk: VDSM's hook and libvirt's two",
    ),
]


def commands(product: Product, config: str, xml: str) -> list[Command]:
    """Those of a start, in order."""
    libvirt = product.hook("qemu.d", config)
    return [
        hook.of_vdsm(product, config, xml),
        *(
            Command([libvirt, "web1", operation, "begin", "-"], stdin=xml)
            for operation in ("prepare", "start")
        ),
    ]


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with place.host("start") as host:
        xml = place.file("start.xml", hook.xml(place.file_domains(host, 1)))
        yield [
            _one_after_the_other(
                product.name, commands(product, host.cli.config, xml)
            )
            for product in products
        ]


def _one_after_the_other(product: str, all_of: list[Command]) -> Measure:
    def take() -> tuple[float, float]:
        samples = [command.sample() for command in all_of]
        return sum(s.wall for s in samples), sum(s.cpu for s in samples)

    return Measure("start, hooks", product, take)
