# SPDX-License-Identifier: GPL-2.0-or-later
"""
docs/performance.md: the part between its two marks is written from what was
saved, and its plots are made anew. The rest of the page is not touched.

    python -m tests.bench.page      after an edit; `make bench-page` measures
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from tests import ROOT
from tests.bench import saved, table
from tests.bench.groups import ROWS
from tests.bench.row import THIS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.row import Row
    from tests.bench.saved import Saved

DOCS = os.path.join(ROOT, "docs")
PAGE = os.path.join(DOCS, "performance.md")
DATA = os.path.join(DOCS, "performance.json")

BEGIN = "<!-- from performance.json: make bench-page -->\n"
END = "<!-- end of what is from performance.json -->\n"


def rewritten(page: str, part: str) -> str:
    """The page with another part between the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has not both marks")
    return f"{before}{BEGIN}\n{part}\n{END}{after}"


def part(found: Saved, rows: Sequence[Row], product: str) -> str:
    """What is between the marks."""
    measured = table.with_processes(rows, product, found.taken)
    shown = table.markdown(table.PAGE, measured)
    said = f"Measured on {found.date[:10]}: {found.machine}.\n\n{shown}\n"
    for group, why in found.taken.left_out.items():
        said += f"\nRows that are left out, `{group}`: {why}.\n"
    return said


def write(path: str = PAGE, data: str = DATA) -> None:
    from tests.bench import plots

    found = saved.load(data)
    with open(path, encoding="utf-8") as f:
        text = rewritten(f.read(), part(found, ROWS, THIS))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    plots.draw(found.taken, THIS, os.path.dirname(path))


if __name__ == "__main__":
    sys.exit(write())
