# SPDX-License-Identifier: GPL-2.0-or-later
"""
`set` and `clear`, while this host is in the lockspace already, and without
the second look for users that `[sanlock] settle` asks for.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from tests.bench import floors, traced
from tests.bench.measures import constant, timed
from tests.bench.row import COUNT, FLOOR, Measure, Row
from tests.support import testhost
from tests.support.clifixtures import OWNER
from tests.support.lease import sanlockd
from tests.support.lease.leasedhost import LeasedHost
from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product
    from tests.bench.timing import Command
    from tests.bench.traced import Process

HOST_ID = 1

# Seconds, of a block domain: what a change may take beside lvm.
BESIDE_LVM = 0.06

# (command, kind): the most that it may start of what counts there.
STARTS = {
    ("set", "file"): 3,
    ("clear", "file"): 2,
    ("set", "block"): 7,
    ("clear", "block"): 5,
}
_COUNTED = {"file": "Python starts", "block": "lvm commands"}
_TIMES = {"set": 14, "clear": 10}


def _rows() -> Iterator[Row]:
    for (verb, kind), most in STARTS.items():
        key = f"{verb}, {kind}"
        title = f"`{verb}`, {kind} domain"
        if kind == "file":
            yield Row(key, title, ("python",), _TIMES[verb])
        else:
            yield Row(key, title, (f"{key}, lvm and 60 ms",), 1.3)
        counted = _COUNTED[kind]
        yield Row(
            f"{key}, starts", f"{title}: {counted}", target=most, unit=COUNT
        )


ROWS = list(_rows())


class Changed(NamedTuple):
    """A domain, and the commands that change it."""

    kind: str
    set: Command
    clear: Command
    lvm: Command


class Flag:
    """Runs `set` and `clear` in turn, whatever is asked for."""

    def __init__(self, domain: Changed) -> None:
        self._domain = domain
        self._is_set = False

    def prepare(self, verb: str) -> Command:
        """A command that will change something."""
        if self._is_set == (verb == "set"):
            other = "clear" if self._is_set else "set"
            self.prepare(other).sample()
        self._is_set = verb == "set"
        command: Command = getattr(self._domain, verb)
        return command


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return str(sanlockd.missing() or loop.missing())


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        sanlock = stack.enter_context(sanlockd.Host("host1", aio=True))
        measures = [timed("python", FLOOR, floors.python())]
        for product in products:
            for made in (_file, _block):
                domain = made(product, place, sanlock, stack)
                measures += _of(domain, product.name)
        yield measures


def _file(
    product: Product,
    place: Place,
    sanlock: sanlockd.Host,
    stack: contextlib.ExitStack,
) -> Changed:
    user, group = OWNER
    host = stack.enter_context(
        LeasedHost(
            place.path(f"change-file-{product.name}"),
            io_timeout=600,
            sanlock=sanlock,
            user=user,
            group=group,
        )
    )
    sd_id = host.domain()
    sanlock.join(host.leases(sd_id), HOST_ID)
    return _commands("file", product, host, sd_id, place, [])


def _block(
    product: Product,
    place: Place,
    sanlock: sanlockd.Host,
    stack: contextlib.ExitStack,
) -> Changed:
    domain = BlockDomain(place.directory)
    stack.enter_context(contextlib.closing(domain))
    host = stack.enter_context(
        testhost.Host(
            place.path(f"change-block-{product.name}"),
            io_timeout=600,
            sanlock=sanlock,
            block=[domain],
        )
    )
    sanlock.join(domain.initialize(sanlock), HOST_ID)
    return _commands(
        "block", product, host, domain.sd_id, place, domain.devices
    )


def _commands(
    kind: str,
    product: Product,
    host: testhost.Host,
    sd_id: str,
    place: Place,
    devices: list[str],
) -> Changed:
    env = {**place.env, **host.sanlock.env}
    change, clear = (
        product.cli(host.config, verb, sd_id, "--reason", "bench", env=env)
        for verb in ("set", "clear")
    )
    return Changed(kind, change, clear, floors.lvm(devices, env))


def _of(domain: Changed, product: str) -> Iterator[Measure]:
    flag = Flag(domain)
    for verb, kind in STARTS:
        if kind != domain.kind:
            continue
        key = f"{verb}, {kind}"
        count = counted(kind, traced.run(flag.prepare(verb)))
        yield _change(key, product, flag, verb)
        yield constant(f"{key}, starts", product, count)
        if kind == "block":
            yield _lvm(f"{key}, lvm and 60 ms", product, domain.lvm, count)


def counted(kind: str, started: list[Process]) -> int:
    """How many of what counts for this kind of domain."""
    if kind == "block":
        return sum(process.is_lvm for process in started)
    # To strace the command itself is a script.
    return 1 + sum(process.is_python for process in started)


def _change(key: str, product: str, flag: Flag, verb: str) -> Measure:
    def take() -> tuple[float, float]:
        sample = flag.prepare(verb).sample()
        return sample.wall, sample.cpu

    def trace() -> list[Process]:
        return traced.run(flag.prepare(verb))

    return Measure(key, product, take, trace=trace)


def _lvm(key: str, product: str, lvm: Command, count: int) -> Measure:
    def take() -> tuple[float, None]:
        return lvm.sample().wall * count + BESIDE_LVM, None

    return Measure(key, product, take)
