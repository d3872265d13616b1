# SPDX-License-Identifier: GPL-2.0-or-later
"""How figures look."""

from tests.bench import table
from tests.bench.row import BYTES, COUNT, FLOOR, THIS, Row, Taken
from tests.bench.traced import Process

HOOK = Row("hook", "Hook", ("empty",), 1.5)
LIST = Row("list", "List", ("empty",))


def figures():
    taken = Taken()
    taken.values = {
        ("base", "hook"): [0.08, 0.08],
        (THIS, "hook"): [0.02, 0.02],
        (FLOOR, "empty"): [0.01, 0.01],
    }
    taken.cpu = {
        ("base", "hook"): [0.04],
        (THIS, "hook"): [0.02],
        (FLOOR, "empty"): [0.02],
    }
    return taken


def test_a_line_has_the_ratio_the_target_and_the_verdict():
    (line,) = table.lines([HOOK, LIST], THIS, figures())
    assert dict(zip(table.HEAD, line[:-1])) == {
        "": "Hook",
        "measured": "20.0 ms (20.0 ms to 20.0 ms), CPU 20.0 ms",
        "floor": "10.0 ms",
        "ratio": "2.00 x (2.00 to 2.00)",
        "CPU ratio": "1.00 x",
        "target": "1.5 x",
    }
    assert line[-1] == "not met"


def test_two_products_are_side_by_side():
    (line,) = table.compared([HOOK, LIST], "base", THIS, figures())
    assert line[:1] == ("Hook",)
    assert line[1].startswith("80.0 ms")
    assert line[2].startswith("20.0 ms")
    assert line[3:5] == ("0.25 x", "0.50 x")
    assert line[-2:] == ("1.5 x", "not met")


def test_amounts():
    assert table.amount(0.0123, "second") == "12.3 ms"
    assert table.amount(1.5, "second") == "1500 ms"
    assert table.amount(9.54e6, BYTES) == "9.5 MB"
    assert table.amount(3, COUNT) == "3"
    assert table.amount(None, COUNT) == ""


def test_a_page_has_the_processes():
    taken = figures()
    worker = Process(2, "python3", "a.b", 1, 2)
    itself = Process(1, "hook", "hook", 0, 3, 85)
    taken.processes[THIS, "hook"] = [worker, worker, itself]
    (line,) = table.with_processes([HOOK], THIS, taken)
    assert len(line) == len(table.PAGE)
    assert line[-1] == "85 modules, 2 x a.b"


def test_columns():
    shown = table.text(("", "b"), [("one", "two"), ("three", "4")])
    assert shown == "       b\none    two\nthree  4"
    assert table.markdown(("a", "b"), [("c", "d")]) == (
        "| a | b |\n| --- | --- |\n| c | d |"
    )
