# SPDX-License-Identifier: GPL-2.0-or-later
"""
The difference of two runs. Pure functions.

A run is {test: [(outcome, why), ...]}, an item for each time that the test was
run. A test differs if no outcome of the one run is one of the other.
"""

import fnmatch
import json
import os
from dataclasses import dataclass

EXPLAINED = os.path.join(os.path.dirname(__file__), "explained.json")

# Of a test that is in one run only.
ABSENT = ("absent", "")


@dataclass(frozen=True)
class Difference:
    test: str
    plain: tuple
    plugin: tuple

    def text(self):
        outcome, why = self.plugin
        return f"{self.test}: {self.plain[0]} -> {outcome}  {why}".rstrip()


def differences(plain, plugin):
    found = []
    for test in sorted(plain.keys() | plugin.keys()):
        here, there = plain.get(test, [ABSENT]), plugin.get(test, [ABSENT])
        if not {o for o, _ in here} & {o for o, _ in there}:
            found.append(Difference(test, here[-1], there[-1]))
    return found


def unsteady(*runs):
    """Tests with more than one outcome in one of the runs."""
    return sorted(
        {
            test
            for run in runs
            for test, results in run.items()
            if len({outcome for outcome, _ in results}) > 1
        }
    )


def load(path=EXPLAINED):
    with open(path) as f:
        return json.load(f)


def explanation(difference, explained):
    """
    Why a difference is no fault of the plugin, or None.

    explained: as in explained.json: "test" is a pattern, "plain" and "plugin"
    are outcomes.
    """
    for entry in explained:
        if (
            fnmatch.fnmatchcase(difference.test, entry["test"])
            and difference.plain[0] == entry["plain"]
            and difference.plugin[0] == entry["plugin"]
        ):
            return entry["why"]
    return None
