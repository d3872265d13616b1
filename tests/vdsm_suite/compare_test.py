# SPDX-License-Identifier: GPL-2.0-or-later
import json

from tests.vdsm_suite import compare
from tests.vdsm_suite.compare import Difference

PASSED, FAILED = ("passed", ""), ("failed", "why")


def test_what_differs_is_told_with_why():
    plain = {"a": [PASSED], "b": [PASSED], "only": [PASSED]}
    plugin = {"a": [PASSED], "b": [FAILED], "more": [PASSED]}
    found = compare.differences(plain, plugin)
    assert [d.text() for d in found] == [
        "b: passed -> failed  why",
        "more: absent -> passed",
        "only: passed -> absent",
    ]


def test_what_fails_by_chance_does_not_differ():
    plain = {"a": [PASSED, FAILED, PASSED], "b": [PASSED] * 3}
    plugin = {"a": [FAILED] * 3, "b": [FAILED, FAILED, PASSED]}
    assert compare.differences(plain, plugin) == []
    assert compare.unsteady(plain, plugin) == ["a", "b"]


def test_an_explanation_is_of_one_change_only(tmp_path):
    path = tmp_path / "explained.json"
    entry = {"test": "x_test.py::*", "plain": "passed", "plugin": "failed"}
    path.write_text(json.dumps([{**entry, "why": "it is so"}]))
    explained = compare.load(path)

    def why(test, plugin):
        difference = Difference(test, PASSED, (plugin, ""))
        return compare.explanation(difference, explained)

    assert why("x_test.py::test", "failed") == "it is so"
    assert why("x_test.py::test", "died") is None
    assert why("y_test.py::test", "failed") is None


def test_the_explanations_that_we_have():
    for entry in compare.load():
        assert set(entry) == {"test", "plain", "plugin", "why"}
        assert entry["plain"] != entry["plugin"]
