# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both hosts set and clear at random, at the same time, on all kinds of storage.
Each is in the lockspaces, as a host that uses the domains is, so that they
meet at the lease.
"""

import json
import os

import pytest

from tests.e2e.box.box import Host, together
from tests.support.racer import explain

# On each kind of storage, half of them by each host.
ROUNDS = int(os.environ.get("E2E_ROUNDS", "50"))

NAMES = ("nfs5", "iscsi4", "shared5")


@pytest.fixture(scope="module")
def race(box, all_domains):
    """By domain's name: (reason before, [Done of each host], shown after)."""
    domains = [all_domains[name] for name in NAMES]
    both = [(host, domain) for host in box.hosts for domain in domains]
    before = box.hosts[0].listed()
    together(lambda pair: pair[0].join(pair[1]), both)
    jobs = {
        domain.name: [
            host.as_tool("race", domain.sd_id, host.name, ROUNDS // 2)
            for host in box.hosts
        ]
        for domain in domains
    }
    done = {n: [job.wait(timeout=3600) for job in jobs[n]] for n in NAMES}
    together(lambda pair: pair[0].leave(pair[1]), both)
    after = together(Host.listed, box.hosts)
    clear = ("clear", "--reason", "raced")
    together(lambda name: box.hosts[0].tool(*clear, name), NAMES)
    return {
        name: (before[name]["reason"], done[name], [a[name] for a in after])
        for name in NAMES
    }


@pytest.mark.parametrize("name", NAMES)
def test_race(race, name):
    before, done, after = race[name]
    assert [d.rc for d in done] == [0, 0], done
    results = [json.loads(x) for d in done for x in d.out.splitlines()]
    assert len(results) == ROUNDS // 2 * 2
    changes = [result for result in results if "to" in result]
    refused = [result for result in results if "refused" in result]
    print(f"{len(changes)} changes, {len(refused)} refused")
    # Who loses is told that the other one has it, or was first.
    assert {r["refused"] for r in refused} <= {"LeaseBusy", "MetadataChanged"}
    for one in refused:
        if one["refused"] == "LeaseBusy":
            assert "host" in one["text"], one
    order = explain(changes, before)
    for shown in after:
        assert (shown["seal"], shown["error"]) == ("valid", None)
        assert shown["reason"] == order[-1]
    assert len({reason.partition("-")[0] for reason in order}) == 2
