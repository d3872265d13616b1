# SPDX-License-Identifier: GPL-2.0-or-later
"""
Measures the product of this tree, and with --base that of another commit
beside it, and prints the table.

    python -m tests.bench [--base COMMIT] [-k TEXT] [GROUP...]
"""

from __future__ import annotations

import argparse
import os
import sys

from tests.bench import place, product, rounds, row, table
from tests.bench.row import Row, Taken
from tests.bench.rows import hook, listing
from tests.support import stale

GROUPS = {"hook": hook, "list": listing}

THIS = "this"

# For each group, after what it needs is made.
SECONDS = 60


def main(argv: list[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    unknown = set(args.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        print("bench: loop devices, mounts and libvirt's hook need root")
        return 2
    place.enter_namespace()
    stale.clean()
    os.umask(0o022)
    chosen = {
        name: [r for r in GROUPS[name].ROWS if args.k in r.key]
        for name in args.groups or GROUPS
    }
    taken = measure(chosen, args.base, args.seconds)
    every = [r for rows in chosen.values() for r in rows]
    if args.base:
        found = table.compared(every, args.base, THIS, taken)
        print(table.text(table.COMPARED, found))
    else:
        found = table.lines(every, THIS, taken)
        print(table.text(table.HEAD, found))
    return 0


def measure(
    chosen: dict[str, list[Row]], base: str | None, seconds: float
) -> Taken:
    taken = Taken()
    with place.make() as here:
        products = [product.Product(THIS, here.path(THIS))]
        if base:
            products.insert(0, product.of_commit(base, here.path("base")))
        for name, rows in chosen.items():
            if not rows:
                continue
            _say(f"{name}: making what it needs")
            with GROUPS[name].make(products, here) as measures:
                needed = row.needed(rows, measures)
                count = rounds.run(needed, taken, seconds)
            _say(f"{name}: {count} rounds of {len(needed)} measures")
    return taken


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--base", metavar="COMMIT", help="measured beside it")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of each group"
    )
    parser.add_argument(
        "-k", metavar="TEXT", default="", help="only rows that have it"
    )
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS)
    )
    return parser


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
