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
    from tests.bench.saved import About, Saved

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
    """What is between the marks: a table of what was measured together."""
    together: dict[About, list[Row]] = {}
    for row in rows:
        about = found.about.get((product, row.key))
        if about is not None:
            together.setdefault(about, []).append(row)
    said = []
    for (machine, date), chosen in together.items():
        measured = table.with_processes(chosen, product, found.taken)
        shown = table.markdown(table.PAGE, measured)
        said.append(f"Measured on {date[:10]}: {machine}.\n\n{shown}\n")
    for group, why in found.taken.left_out.items():
        said.append(f"Rows that are left out, `{group}`: {why}.\n")
    return "\n".join(said)


def write(path: str = PAGE, data: str = DATA, draw: bool = True) -> None:
    """draw: the plots, too."""
    from tests.bench import plots

    found = saved.load(data)
    with open(path, encoding="utf-8") as f:
        text = rewritten(f.read(), part(found, ROWS, THIS))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    if draw:
        plots.draw(found.taken, THIS, os.path.dirname(path))


if __name__ == "__main__":
    sys.exit(write())
