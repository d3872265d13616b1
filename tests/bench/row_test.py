# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of figures."""

import pytest

from tests.bench import row as rows
from tests.bench.row import COUNT, FLOOR, THIS, Measure, Row, Taken

HOOK = Row("hook", "Hook", ("empty",), 1.5)


def taken(**series):
    """base__hook=[...]: figures of the product `base`."""
    found = Taken()
    for name, values in series.items():
        product, _, key = name.partition("__")
        found.values[product, key] = values
    return found


def test_a_ratio_is_that_of_each_round():
    """The second round was slow for both."""
    found = rows.figures(
        HOOK, THIS, taken(this__hook=[2, 60, 3], floor__empty=[1, 20, 2])
    )
    assert (found.value, found.floor, found.ratio) == (3, 2, 2)
    assert (found.ratio_low, found.ratio_high) == (1.75, 2.5)


def test_floors_are_added_up():
    row = HOOK._replace(of=("empty", "lvm"))
    figures = taken(this__hook=[9], floor__empty=[1], floor__lvm=[2])
    found = rows.figures(row, THIS, figures)
    assert (found.floor, found.ratio) == (3, 3)


def test_a_floor_may_be_the_product_s_own():
    figures = taken(
        base__hook=[8], this__hook=[8], base__empty=[4], this__empty=[2]
    )
    assert rows.figures(HOOK, "base", figures).ratio == 2
    assert rows.figures(HOOK, THIS, figures).ratio == 4


def test_cpu_time_is_compared_with_cpu_time():
    figures = taken(this__hook=[9], floor__empty=[1])
    figures.cpu.update({(THIS, "hook"): [6], (FLOOR, "empty"): [2]})
    found = rows.figures(HOOK, THIS, figures)
    assert (found.cpu, found.cpu_ratio) == (6, 3)
    figures.cpu.pop((FLOOR, "empty"))
    assert rows.figures(HOOK, THIS, figures).cpu_ratio is None


def test_what_was_not_measured_has_no_figures():
    assert rows.figures(HOOK, THIS, taken(base__hook=[1])) is None


@pytest.mark.parametrize(
    "target, hook, expected",
    [(1.5, 3, "met"), (1.49, 3, "not met"), (None, 3, "")],
)
def test_the_ratio_meets_the_target(target, hook, expected):
    row = HOOK._replace(target=target)
    figures = taken(this__hook=[hook], floor__empty=[2])
    assert rows.verdict(row, rows.figures(row, THIS, figures)) == expected


def test_a_count_is_itself_compared():
    row = Row("hook", "Processes", target=2, unit=COUNT)
    for count, expected in ((2, "met"), (3, "not met")):
        found = rows.figures(row, THIS, taken(this__hook=[count]))
        assert rows.verdict(row, found) == expected


def test_a_change_is_that_of_each_round():
    values = taken(base__hook=[2, 40, 4], this__hook=[1, 20, 3]).values
    assert rows.change(HOOK, "base", THIS, values) == 0.5
    assert rows.change(HOOK, "other", THIS, values) is None


def test_only_what_rows_need_is_measured():
    keys = ("hook", "empty", "list", "python")
    measures = [Measure(key, THIS, lambda: (1, None)) for key in keys]
    needed = rows.needed([HOOK], measures)
    assert [measure.key for measure in needed] == ["hook", "empty"]
