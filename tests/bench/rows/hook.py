# SPDX-License-Identifier: GPL-2.0-or-later
"""A hook of VDSM at the start of a VM, by what the VM has."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tests.bench import floors
from tests.bench.row import FLOOR, Measure, Row
from tests.bench.timing import Command
from tests.support.hooks import vmxml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from tests.bench.place import Place
    from tests.bench.product import Product

POINT = "before_vm_start"
AT_ONCE = 8
MANY, VGS = 20, 10

ROWS = [
    Row("hook, no disk", "Hook, no disk", ("empty hook",), 0.8),
    Row("hook, 1 file disk", "Hook, 1 file disk", ("empty hook",), 1.0),
    Row(
        "hook, 20 domains on 1 mount",
        "Hook, 20 domains on 1 mount",
        ("empty hook",),
        1.3,
    ),
    Row(
        "hook, 20 domains on 20 mounts",
        "Hook, 20 domains on 20 mounts",
        ("empty hook",),
        2.0,
    ),
    Row(
        "hook, 1 VG",
        "Hook, block, 1 VG",
        ("lvm, 1 VG", "empty hook"),
        1.05,
    ),
    Row(
        "hook, 10 VGs",
        "Hook, block, 10 VGs",
        ("lvm, 10 VGs", "empty hook"),
        1.15,
    ),
    Row(
        "8 hooks, 1 file disk",
        "8 hooks at a time, 1 file disk; one's share",
        ("8 empty hooks",),
        1.0,
    ),
    Row(
        "8 hooks, 20 mounts",
        "8 hooks at a time, 20 mounts; one's share",
        ("8 empty hooks",),
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
        crowded = place.mount(host, "server:_crowded")
        mounts = place.file_domains(host, MANY)
        vgs = place.vgs(VGS)
        self.config = host.cli.config
        self.devices = [vg.devices for vg in vgs]
        every = [device for devices in self.devices for device in devices]
        host.configure(devices=", ".join(every), lv_dir="/dev")
        self.domains: dict[str, list[Any]] = {
            "hook, no disk": [],
            "hook, 1 file disk": mounts[:1],
            "hook, 20 domains on 1 mount": [
                host.file_domain(mount=crowded) for _ in range(MANY)
            ],
            "hook, 20 domains on 20 mounts": mounts,
            "hook, 1 VG": vgs[:1],
            "hook, 10 VGs": vgs,
        }
        self.files = {
            row: place.file(f"{row}.xml".replace(" ", "-"), xml(domains))
            for row, domains in self.domains.items()
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


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        vms = Vms(place, stack)
        yield [*_floors(vms), *_of_products(products, vms)]


def _floors(vms: Vms) -> Iterable[Measure]:
    empty = floors.empty_hook(vms.files["hook, 1 file disk"])
    all_vgs = [device for devices in vms.devices for device in devices]
    yield timed("empty hook", FLOOR, empty)
    yield timed("lvm, 1 VG", FLOOR, floors.lvm(vms.devices[0]))
    yield timed("lvm, 10 VGs", FLOOR, floors.lvm(all_vgs))
    yield together("8 empty hooks", FLOOR, empty)


def _of_products(products: Iterable[Product], vms: Vms) -> Iterable[Measure]:
    for product in products:
        hooks = {
            row: of_vdsm(product, vms.config, path)
            for row, path in vms.files.items()
        }
        for row, hook in hooks.items():
            yield timed(row, product.name, hook)
        for row, what in (
            ("8 hooks, 1 file disk", "hook, 1 file disk"),
            ("8 hooks, 20 mounts", "hook, 20 domains on 20 mounts"),
        ):
            yield together(row, product.name, hooks[what])


def timed(key: str, product: str, command: Command) -> Measure:
    def take() -> tuple[float, float]:
        sample = command.sample()
        return sample.wall, sample.cpu

    return Measure(key, product, take)


def together(key: str, product: str, command: Command) -> Measure:
    def take() -> tuple[float, float]:
        sample = command.at_once(AT_ONCE)
        return sample.wall, sample.cpu

    return Measure(key, product, take)
