# SPDX-License-Identifier: GPL-2.0-or-later
"""A hook of VDSM at the start of a VM, by its disks on file domains."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.measures import timed, timed_together
from tests.bench.row import FLOOR, Measure, Row
from tests.bench.timing import Command
from tests.support.hooks import vmxml

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from tests.bench.place import Place
    from tests.bench.product import Product

POINT = "before_vm_start"
AT_ONCE, MANY = 8, 20

EMPTY = "empty hook"
_EMPTY_TOGETHER = "8 empty hooks"

NO_DISK = "hook, no disk"
ONE_FILE = "hook, 1 file disk"
ONE_MOUNT = "hook, 20 domains on 1 mount"
MOUNTS = "hook, 20 domains on 20 mounts"
TOGETHER = {
    ONE_FILE: "8 hooks, 1 file disk",
    MOUNTS: "8 hooks, 20 mounts",
}

ROWS = [
    Row(NO_DISK, "Hook, no disk", (EMPTY,), 0.8),
    Row(ONE_FILE, "Hook, 1 file disk", (EMPTY,), 1.0),
    Row(ONE_MOUNT, "Hook, 20 domains on 1 mount", (EMPTY,), 1.3),
    Row(MOUNTS, "Hook, 20 domains on 20 mounts", (EMPTY,), 2.0),
    Row(
        TOGETHER[ONE_FILE],
        "8 hooks at a time, 1 file disk: one's share",
        (_EMPTY_TOGETHER,),
        1.0,
    ),
    Row(
        TOGETHER[MOUNTS],
        "8 hooks at a time, 20 mounts: one's share",
        (_EMPTY_TOGETHER,),
        1.25,
    ),
]


class Vms:
    """
    The VMs of the rows. domains, files: {row: its domains, its XML}. config:
    of the hooks.
    """

    def __init__(self, place: Place, stack: contextlib.ExitStack) -> None:
        host = stack.enter_context(place.host("hook"))
        crowded = place.mount(host.cli, "server:_crowded")
        mounts = place.file_domains(host, MANY)
        self.config = host.cli.config
        self.domains: dict[str, list[Any]] = {
            NO_DISK: [],
            ONE_FILE: mounts[:1],
            ONE_MOUNT: [host.file_domain(mount=crowded) for _ in range(MANY)],
            MOUNTS: mounts,
        }
        self.files = xml_files(place, self.domains)


def xml_files(place: Place, domains: dict[str, list[Any]]) -> dict[str, str]:
    """{row: the path of its XML}"""
    return {
        row: place.file(f"{row}.xml".replace(" ", "-"), xml(of_row))
        for row, of_row in domains.items()
    }


def xml(domains: Sequence[Any]) -> bytes:
    """Of a VM with a disk on each domain."""
    return vmxml.vm(
        *(d.disk(target=f"vd{number}") for number, d in enumerate(domains))
    )


def of_vdsm(product: Product, config: str, path: str) -> Command:
    """The hook that VDSM runs for a VM with this XML."""
    env = {"_hook_domxml": path, "vmId": vmxml.VM}
    return Command([product.hook(POINT, config)], env)


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        vms = Vms(place, stack)
        empty = floors.empty_hook(vms.files[ONE_FILE])
        measures = [
            timed(EMPTY, FLOOR, empty),
            timed_together(_EMPTY_TOGETHER, FLOOR, empty, AT_ONCE),
        ]
        for product in products:
            for row, path in vms.files.items():
                hook = of_vdsm(product, vms.config, path)
                measures.append(timed(row, product.name, hook))
                if row in TOGETHER:
                    key = TOGETHER[row]
                    measures.append(
                        timed_together(key, product.name, hook, AT_ONCE)
                    )
        yield measures
