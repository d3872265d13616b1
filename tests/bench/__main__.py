# SPDX-License-Identifier: GPL-2.0-or-later
"""
Measures the product of this tree, and with --base that of another commit
beside it; prints the table, and saves the figures.

    python -m tests.bench [--base COMMIT] [-k TEXT] [GROUP...]
    python -m tests.bench --page [GROUP...]
"""

from __future__ import annotations

import argparse
import os
import sys

from tests import ROOT
from tests.bench import page, place, plots, product, rounds, row, saved, table
from tests.bench.groups import GROUPS, ROWS, SHOWN
from tests.bench.row import THIS, Row, Taken
from tests.support import stale

SAVED = os.path.join(ROOT, "build", "bench.json")

# For each group, after what it needs is made.
SECONDS = 30

# For a bridge: from one look at all domains to the next.
MINUTES = 5


def main(argv: list[str]) -> int:
    parser = _parser()
    args = parser.parse_args(argv)
    unknown = set(args.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if args.page and (args.k or args.base):
        parser.error("the page has all rows of a group, of this tree")
    draw = args.page and plots.GROUPS & set(args.groups or GROUPS)
    why_not = saved.missing() or (draw and plots.missing())
    if os.geteuid() != 0:
        why_not = "loop devices, mounts and libvirt's hook need root"
    if why_not:
        print(f"bench: {why_not}", file=sys.stderr)
        return 2
    stale.clean()
    os.umask(0o022)
    names = args.groups or GROUPS
    chosen = {n: [r for r in GROUPS[n].ROWS if args.k in r.key] for n in names}
    machine_now = saved.about()
    taken = measure(chosen, args.base, args.seconds, args.minutes, args.page)
    _show(taken, args.base)
    if args.page:
        _keep_others(taken, args.groups)
        saved.save(taken, machine_now, page.DATA, keep=bool(args.groups))
        page.write(draw=bool(draw))
    else:
        saved.save(taken, machine_now, SAVED)
    return 0


def measure(
    chosen: dict[str, list[Row]],
    base: str | None,
    seconds: float,
    minutes: float,
    for_page: bool = False,
) -> Taken:
    """
    chosen: the rows of each group. seconds, minutes: of a group, and of a
    bridge. for_page: also what only a page has.
    """
    taken = Taken()
    with place.make(minutes) as here:
        products = [product.Product(THIS, here.path(THIS))]
        if base:
            products.insert(0, product.of_commit(base, here.path("base")))
        for name, rows in chosen.items():
            why_not = GROUPS[name].missing()
            if why_not:
                taken.left_out[name] = why_not
                _say(f"{name}: left out: {why_not}")
            if why_not or not rows:
                continue
            _say(f"{name}: making what it needs")
            with GROUPS[name].make(products, here) as measures:
                wanted = [*rows, *(SHOWN if for_page else [])]
                needed = row.needed(wanted, measures)
                count = rounds.run(needed, taken, seconds)
                if for_page:
                    for one in needed:
                        taken.trace(one)
            _say(f"{name}: {count} rounds of {len(needed)} measures")
    return taken


def _keep_others(taken: Taken, groups: list[str]) -> None:
    """groups: all that was measured, none for all of them."""
    if groups:
        before = saved.load(page.DATA).taken.left_out
        stays = {n: why for n, why in before.items() if n not in groups}
        taken.left_out = {**stays, **taken.left_out}


def _show(taken: Taken, base: str | None) -> None:
    if base:
        found = table.compared(ROWS, base, THIS, taken)
        print(table.text(table.COMPARED, found))
    else:
        found = table.lines(ROWS, THIS, taken)
        print(table.text(table.HEAD, found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--base", metavar="COMMIT", help="measured beside it")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="of each group"
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="of a bridge, each row"
    )
    parser.add_argument(
        "-k", metavar="TEXT", default="", help="only rows that have it"
    )
    parser.add_argument(
        "--page",
        action="store_true",
        help="write docs/performance.md and its plots",
    )
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS)
    )
    return parser


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
