# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both hosts set and clear at random, at the same time, on all kinds of storage:
see stories.race().
"""

import json

import pytest

from tests.e2e.box.box import Host, together
from tests.e2e.domains import RACED
from tests.e2e.stories import HELD, ROUNDS
from tests.support.processes.racer import explain
from tests.support.soak import SOAK

NAMES = [domain.name for domain in RACED]


pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def raced(box, racing):
    """{name: (*what the race says, [listed after it by each host])}"""
    found = racing.result()
    after = together(Host.listed, box.hosts)
    return {
        name: (*story, [listed[name] for listed in after])
        for name, story in found.items()
    }


@pytest.mark.parametrize("name", NAMES)
def test_told_who_has_the_lease(raced, name):
    one, _, _ = raced[name]
    (result,) = [json.loads(line) for line in one.out.splitlines()]
    # The second one when its holder is too slow to say the first.
    assert result["refused"] in ("LeaseBusy", "LeaseTimeout")
    assert "host id 1" in result["text"]


@pytest.mark.parametrize("name", NAMES)
def test_race(raced, name):
    _, done, after = raced[name]
    assert [d.rc for d in done] == [0, 0], done
    results = [json.loads(x) for d in done for x in d.out.splitlines()]
    assert len(results) == ROUNDS // 2 * 2
    changes = [result for result in results if "to" in result]
    refused = [result for result in results if "refused" in result]
    print(f"{len(changes)} changes, {len(refused)} refused")
    # Who loses is told that the other one has it, or was first.
    assert {r["refused"] for r in refused} <= {"LeaseBusy", "MetadataChanged"}
    order = explain(changes, HELD)
    if SOAK:
        # They met, or it was no race. In a few rounds one may win each time.
        hosts = {reason.partition("-")[0] for reason in order}
        assert len(hosts) == 2, order
    for shown in after:
        assert (shown["seal"], shown["error"]) == ("valid", None)
        assert shown["reason"] == order[-1]
        assert shown["flag"] is order[-1].endswith("-set")
