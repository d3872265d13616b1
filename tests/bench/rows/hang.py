# SPDX-License-Identifier: GPL-2.0-or-later
"""
`list` on a terminal while one of many mounts hangs: when an administrator
sees the first domain, and when it is over.
"""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from tests.bench.measures import Shared
from tests.bench.row import Measure, Row
from tests.bench.timing import Failed
from tests.support.storage import hangfs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place
    from tests.bench.product import Product
    from tests.bench.timing import Command

MOUNTS = 50
TIMEOUT = 2.0

# Seconds that either may take longer than it must.
SLACK = 0.1

# The exit code of a command that has not read all domains.
UNREAD = 3

_HEALTHY = "healthy list + 0.1 s"
_HEALTHY_LATE = "healthy list + timeout + 0.1 s"

_STUCK = ("getattr", "readdir", "open", "read")

ROWS = [
    Row(
        "hang, first row",
        f"One mount of {MOUNTS} hangs: first row of `list`",
        (_HEALTHY,),
        1.0,
    ),
    Row(
        "hang, end",
        f"One mount of {MOUNTS} hangs: end of `list`, timeout 2 s",
        (_HEALTHY_LATE,),
        1.0,
    ),
]


class Shown(NamedTuple):
    """Seconds until the first domain was shown, and until the end."""

    first: float
    end: float


def shown(command: Command, sd_ids: Sequence[str]) -> Shown:
    """Run it on a terminal."""
    ours, theirs = pty.openpty()
    first, text = None, b""
    began = time.monotonic()
    process = subprocess.Popen(
        command.argv,
        env=command.env,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    # The end of a terminal is an error to who reads.
    with contextlib.suppress(OSError):
        while True:
            text += os.read(ours, 65536)
            if first is None and any(i.encode() in text for i in sd_ids):
                first = time.monotonic() - began
    code = process.wait()
    end = time.monotonic() - began
    os.close(ours)
    said = text.decode(errors="replace")
    if code != command.expect:
        raise Failed(f"exit code {code}: {said}")
    if first is None:
        raise Failed(f"no domain in {said}")
    return Shown(first, end)


def missing() -> str:
    """Why these rows cannot be measured here, or ""."""
    return hangfs.missing() or ""


@contextlib.contextmanager
def make(products: Sequence[Product], place: Place) -> Iterator[list[Measure]]:
    with contextlib.ExitStack() as stack:
        host = stack.enter_context(place.host("hang", TIMEOUT))
        fs = stack.enter_context(hangfs.Hangfs())
        hung = place.mount(host.cli, "server:_hung", fs.mount)
        stack.callback(place.unmount, hung)
        host.file_domain(mount=hung)
        healthy = place.file_domains(host, MOUNTS - 1)
        sd_ids = [domain.sd_id for domain in healthy]
        measures = []
        for product in products:
            measures += _of(product, host.cli.config, fs, sd_ids)
        yield measures


def _of(
    product: Product, config: str, fs: hangfs.Hangfs, sd_ids: list[str]
) -> list[Measure]:
    stuck = Shared(lambda: shown_while_stuck(product, config, fs, sd_ids))
    well = Shared(lambda: shown(product.cli(config, "list"), sd_ids))
    late, name = TIMEOUT + SLACK, product.name
    return [
        stuck.measure("hang, first row", name, lambda s: s.first),
        stuck.measure("hang, end", name, lambda s: s.end),
        well.measure(_HEALTHY, name, lambda s: s.end + SLACK),
        well.measure(_HEALTHY_LATE, name, lambda s: s.end + late),
    ]


def shown_while_stuck(
    product: Product, config: str, fs: hangfs.Hangfs, sd_ids: Sequence[str]
) -> Shown:
    command = product.cli(config, "list")
    command.expect = UNREAD
    for operation in _STUCK:
        fs.hang(operation)
    try:
        return shown(command, sd_ids)
    finally:
        fs.clear()
