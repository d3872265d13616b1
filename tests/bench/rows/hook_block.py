# SPDX-License-Identifier: GPL-2.0-or-later
"""A hook of VDSM at the start of a VM, by its disks on block domains."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.measures import timed
from tests.bench.row import FLOOR, Measure, Row
from tests.bench.rows import hook
from tests.bench.rows.hook import EMPTY
from tests.support.storage import loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tests.bench.place import Place
    from tests.bench.product import Product

VGS = 10

ONE_VG, ALL_VGS = "hook, 1 VG", f"hook, {VGS} VGs"

ROWS = [
    Row(ONE_VG, "Hook, block, 1 VG", ("lvm, 1 VG", EMPTY), 1.05),
    Row(ALL_VGS, f"Hook, block, {VGS} VGs", (f"lvm, {VGS} VGs", EMPTY), 1.15),
]


class Vms:
    """As hook.Vms. devices: {row: those of its domains}."""

    def __init__(self, place: Place, stack: contextlib.ExitStack) -> None:
        host = stack.enter_context(place.host("hook-block"))
        vgs = place.vgs(VGS)
        self.domains: dict[str, list[Any]] = {ONE_VG: vgs[:1], ALL_VGS: vgs}
        self.devices = {
            row: [device for vg in domains for device in vg.devices]
            for row, domains in self.domains.items()
        }
        host.configure(devices=", ".join(self.devices[ALL_VGS]), lv_dir="/dev")
        self.config = host.cli.config
        self.files = hook.xml_files(place, self.domains)


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return str(loop.missing())


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        vms = Vms(place, stack)
        measures = [timed(EMPTY, FLOOR, floors.empty_hook(vms.files[ONE_VG]))]
        for row, devices in vms.devices.items():
            key = row.replace("hook", "lvm")
            measures.append(timed(key, FLOOR, floors.lvm(devices)))
        for product in products:
            for row, path in vms.files.items():
                command = hook.of_vdsm(product, vms.config, path)
                measures.append(timed(row, product.name, command))
        yield measures
