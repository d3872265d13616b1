# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/performance.md, and what of it the bench writes."""

import os

import pytest

from tests.bench import page, plots
from tests.bench.groups import ROWS
from tests.bench.row import FLOOR, THIS, Taken
from tests.bench.saved import About, Saved


def read():
    with open(page.PAGE, encoding="utf-8") as f:
        return f.read()


def test_only_what_is_between_the_marks_is_written():
    before = f"a\n{page.BEGIN}old\n{page.END}b\n"
    after = page.rewritten(before, "new\n")
    assert after == f"a\n{page.BEGIN}\nnew\n\n{page.END}b\n"
    assert page.rewritten(after, "new\n") == after


@pytest.mark.parametrize("mark", [page.BEGIN, page.END])
def test_a_page_without_a_mark_is_not_written(mark):
    text = f"a\n{page.BEGIN}old\n{page.END}b\n".replace(mark, "")
    with pytest.raises(ValueError, match="both marks"):
        page.rewritten(text, "new\n")


def test_a_table_says_when_and_where_it_was_measured():
    taken = Taken()
    taken.values = {
        (THIS, "hook, no disk"): [0.02],
        (FLOOR, "empty hook"): [0.02],
    }
    taken.left_out = {"plugin": "no VDSM"}
    about = About("2 CPUs", "2026-11-29 14:25:59.457915")
    saved = Saved(taken, dict.fromkeys(taken.values, about))
    lines = page.part(saved, ROWS, THIS).splitlines()
    assert lines[0] == "Measured on 2026-11-29: 2 CPUs."
    assert len(lines) == 7
    assert lines[4].startswith("| Hook, no disk | 20.0 ms")
    assert lines[-1] == "Rows that are left out, `plugin`: no VDSM."


def test_what_was_measured_at_another_time_is_in_a_table_of_its_own():
    taken = Taken()
    keys = ["storm, reads", "bridge, CPU", "set, file, starts"]
    taken.values = {(THIS, key): [1.0] for key in keys}
    first, later = About("2 CPUs", "2026-11-29"), About("4 CPUs", "2026-11-30")
    about = {(THIS, key): first for key in keys}
    about[THIS, "bridge, CPU"] = later
    saved = Saved(taken, about)
    lines = page.part(saved, ROWS, THIS).splitlines()
    (at,) = (n for n, line in enumerate(lines) if "4 CPUs" in line)
    assert lines[0] == "Measured on 2026-11-29: 2 CPUs."
    assert lines[at] == "Measured on 2026-11-30: 4 CPUs."
    assert (
        sum(line.startswith(("| Storm", "| `set`")) for line in lines[:at])
        == 2
    )
    assert [x for x in lines[at:] if x.startswith("| Bridge")]


def test_the_page_can_be_written_and_shows_the_plots():
    text = read()
    assert page.rewritten(text, "x").count(page.END) == 1
    for name in plots.NAMES:
        assert f"]({name})" in text


def test_rows_are_known_by_their_keys():
    keys = [row.key for row in ROWS]
    assert len(set(keys)) == len(keys)
    assert os.path.basename(page.DATA) in read()
