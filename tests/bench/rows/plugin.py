# SPDX-License-Identifier: GPL-2.0-or-later
"""
VDSM with the plugin beside VDSM without it; nothing is flagged. Only the
product of this tree: its tests start VDSM. Only where VDSM can be imported.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from tests.bench.row import COUNT, FLOOR, THIS, Measure, Row
from tests.support.vdsm import vdsmhost
from tests.vdsm.inside import bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product

# Calls of a verb for one figure.
CALLS = 20

ROWS = [
    Row(
        "plugin, no flag",
        "VDSM with the plugin, no flag: `StorageDomain.getInfo`",
        ("VDSM, getInfo",),
        1.05,
    ),
    Row(
        "plugin, transaction",
        "VDSM with the plugin: a transaction on metadata",
        ("VDSM, transaction",),
    ),
    Row(
        "plugin, reads of a transaction",
        "VDSM with the plugin: reads that a transaction has more",
        target=1,
        unit=COUNT,
    ),
    Row(
        "plugin, both looks",
        "Start of a VM, 1 domain: the plugin's two looks",
    ),
]


def missing() -> str:
    """Why there is no VDSM here, or ""."""
    try:
        import vdsm.storage.fileSD  # noqa: F401
    except ImportError as e:
        return f"VDSM cannot be imported: {e}"
    return ""


class Vdsm:
    """A real VDSM, and a domain of its pool."""

    def __init__(self, host: vdsmhost.Host) -> None:
        self.host = host
        master, _ = host.local_domain()
        self.sd_id, _ = host.local_domain()
        host.pool(master, self.sd_id)
        host.do(bench.count_reads)
        self._number = 0

    def get_info(self) -> None:
        self.host.info(self.sd_id)

    def transaction(self) -> None:
        """Another name each time: otherwise there is nothing to write."""
        self._number += 1
        self.host.describe(self.sd_id, f"data{self._number}")

    def reads_of_transaction(self) -> int:
        self.host.do(bench.reads)
        self.transaction()
        count: int = self.host.do(bench.reads)
        return count

    def look_twice(self) -> float:
        seconds: float = self.host.do(
            bench.look_twice, self.host.config, self.sd_id
        )
        return seconds


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        with_plugin, plain = (
            Vdsm(
                stack.enter_context(
                    vdsmhost.Host(place.path(name), plugin=plugin)
                )
            )
            for name, plugin in (("vdsm", True), ("vdsm-plain", False))
        )

        def more_reads() -> tuple[float, None]:
            ours = with_plugin.reads_of_transaction()
            return ours - plain.reads_of_transaction(), None

        yield [
            _calls("VDSM, getInfo", FLOOR, plain.get_info),
            _calls("plugin, no flag", THIS, with_plugin.get_info),
            _calls("VDSM, transaction", FLOOR, plain.transaction),
            _calls("plugin, transaction", THIS, with_plugin.transaction),
            Measure("plugin, reads of a transaction", THIS, more_reads, COUNT),
            Measure(
                "plugin, both looks",
                THIS,
                lambda: (with_plugin.look_twice(), None),
            ),
        ]


def _calls(key: str, product: str, call: Callable[[], None]) -> Measure:
    def take() -> tuple[float, None]:
        began = time.monotonic()
        for _ in range(CALLS):
            call()
        return (time.monotonic() - began) / CALLS, None

    return Measure(key, product, take)
