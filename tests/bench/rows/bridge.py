# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge of a large site: what it takes on its machine with its ssh clients,
and on the hosts. That takes minutes, so it is measured once.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from tests.bench import bridge_load
from tests.bench.bridge_load import CENTERS, DOMAINS, EVENTS, HOSTS
from tests.bench.measures import Shared
from tests.bench.row import BYTES, COUNT, SECONDS, Measure, Row
from tests.support.bridge import sshd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Callable

    from tests.bench.bridge_load import Used
    from tests.bench.place import Place
    from tests.bench.product import Product

# Seconds between two looks at all domains.
COMPARE = 300

_SITE = f"Bridge, {DOMAINS} domains, {HOSTS} hosts, {EVENTS} events an hour"

ROWS = [
    Row("bridge, CPU", f"{_SITE}: CPU time in a second", target=0.01),
    Row("bridge, memory", f"{_SITE}: peak memory", target=50e6, unit=BYTES),
    Row(
        "bridge, lists",
        f"{_SITE}: times in 5 minutes that an SPM runs `list`",
        target=1,
        unit=COUNT,
    ),
    Row(
        "bridge, CPU of a list",
        f"{_SITE}: CPU time of that, on the SPM of {DOMAINS // CENTERS}",
    ),
    Row(
        "bridge, CPU, edits",
        "The same where each event is an edit of a domain: CPU time in a"
        " second",
    ),
]


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    try:
        import ovirtsdk4  # noqa: F401
    except ImportError as e:
        return str(e)
    programs = ("ssh", "openssl", sshd.SSHD)
    absent = [name for name in programs if shutil.which(name) is None]
    return f"there is no {', '.join(absent)}" if absent else ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    measures = []
    for product in products:
        for codes, suffix in (
            (bridge_load.USUAL, ""),
            (bridge_load.EDITS, ", edits"),
        ):
            run = Shared(
                lambda product=product, codes=codes: _used(
                    product, place, codes
                )
            )
            for key, unit, of in _FIGURES:
                measures.append(
                    run.measure(
                        f"bridge, {key}{suffix}", product.name, of, unit
                    )._replace(once=True)
                )
    yield measures


def _used(product: Product, place: Place, codes: dict[int, int]) -> Used:
    with contextlib.ExitStack() as stack:
        load = bridge_load.Load(product, place, stack)
        return load.run(place.minutes * 60, codes)


def _lists(used: Used) -> int:
    return max(bridge_load.most_within(times, COMPARE) for times in used.lists)


_FIGURES: tuple[tuple[str, str, Callable[[Used], float]], ...] = (
    ("CPU", SECONDS, lambda used: used.cpu / used.seconds),
    ("memory", BYTES, lambda used: used.memory),
    ("lists", COUNT, _lists),
    ("CPU of a list", SECONDS, lambda used: used.list_cpu),
)
