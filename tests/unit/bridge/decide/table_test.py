# SPDX-License-Identifier: GPL-2.0-or-later
"""Every row of the table of docs/bridge.md is in table.py and has a story."""

import os
import re

from tests import ROOT
from tests.unit.bridge.decide import (
    conflicts_test,
    flagged_test,
    obstacles_test,
    retries_test,
    ticks_test,
    two_bridges_test,
    unticks_test,
    word_test,
)
from vdsm_backup.bridge import decide, table

# The rows that table.py knows nothing of: what the bridge does around it.
# Row 30 is about what is never compared, row 29 about a bridge that was down,
# rows 22 and 24 about two bridges, and about a domain that has moved.
AROUND = {22, 24, 29, 30}

CASES = {}
for module in (
    conflicts_test,
    flagged_test,
    obstacles_test,
    retries_test,
    ticks_test,
    two_bridges_test,
    unticks_test,
    word_test,
):
    assert not CASES.keys() & module.CASES.found.keys()
    CASES.update(module.CASES.found)


def test_the_table_is_in_the_documents():
    with open(os.path.join(ROOT, "docs", "bridge.md")) as f:
        found = re.findall(r"^\| (\d+) \|", f.read(), re.M)
    numbers = [int(number) for number in found]
    assert numbers == sorted(numbers)
    assert {*numbers} == {*range(1, 34)}


def test_every_row_is_here():
    told = {int(name.partition("-")[0]) for name in CASES}
    assert told | AROUND == set(range(1, 34))
    met = {row for _, row, _, _, _ in CASES.values()}
    assert {row.number for row in table.TABLE} <= met


def test_every_row_of_the_table_is_met(monkeypatch):
    """Also of several rows with one number each one."""
    met = set()
    row_of = decide._row

    def spy(look, facts):
        row = row_of(look, facts)
        met.add(row)
        return row

    monkeypatch.setattr(decide, "_row", spy)
    for story, *_ in CASES.values():
        story()
    assert [row for row in table.TABLE if row not in met] == []


def test_facts_that_rows_name_are_known():
    known = set()
    for line in table.__doc__.partition("Facts:")[2].splitlines():
        if line.startswith("    ") and line[4:5].strip():
            known.add(line.split()[0])
    named = {
        name
        for row in table.TABLE
        for name in (row.needs + " " + row.lacks).split()
    }
    assert named == known
