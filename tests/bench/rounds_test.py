# SPDX-License-Identifier: GPL-2.0-or-later
"""In which order measures are taken, and how often."""

from tests.bench import rounds
from tests.bench.row import THIS, Measure, Taken


def measure(key, log, once=False):
    def take():
        log.append(key)
        return len(log), None

    return Measure(key, THIS, take, once=once)


def test_each_round_has_each_measure_and_begins_with_another_one():
    log, taken = [], Taken()
    measures = [measure(key, log) for key in "abc"]
    assert rounds.run(measures, taken, seconds=0, least=3) == 3
    assert "".join(log) == "abc" "abc" "bca" "cab"
    # The first round is not counted.
    assert taken.values[THIS, "a"] == [4, 9, 11]


def test_time_that_is_left_is_used_up_to_a_limit():
    log, taken = [], Taken()
    count = rounds.run([measure("a", log)], taken, 60, least=1, most=7)
    assert (count, len(taken.values[THIS, "a"])) == (7, 7)


def test_what_is_always_the_same_is_taken_once():
    log, taken = [], Taken()
    measures = [measure("a", log), measure("b", log, once=True)]
    rounds.run(measures, taken, seconds=0, least=2)
    assert log.count("b") == 1
    assert taken.values[THIS, "b"] == [2]
