# SPDX-License-Identifier: GPL-2.0-or-later
"""
Both hosts set and clear at random, at the same time. Each is in the lockspace,
as a host that uses the domain is, so that they meet at the lease.
"""

import json
import os

import pytest

from tests.e2e.box.box import together
from tests.support.racer import explain

# Of each host, on each kind of storage. 50 are asked for before a release.
ROUNDS = int(os.environ.get("E2E_ROUNDS", "8"))


@pytest.mark.parametrize("name", ["nfs5", "iscsi4", "shared5"])
def test_race(box, all_domains, name):
    domain = all_domains[name]
    before = box.hosts[0].json("show", domain.name)["domain"]["reason"]
    together(*(lambda h=h: h.join(domain) for h in box.hosts))
    jobs = [
        host.as_tool("race", domain.sd_id, host.name, ROUNDS)
        for host in box.hosts
    ]
    done = [job.wait(timeout=3600) for job in jobs]
    together(*(lambda h=h: h.leave(domain) for h in box.hosts))
    assert [d.rc for d in done] == [0, 0], done
    results = [json.loads(x) for d in done for x in d.out.splitlines()]
    assert len(results) == 2 * ROUNDS
    changes = [result for result in results if "to" in result]
    refused = [result for result in results if "refused" in result]
    print(f"{len(changes)} changes, {len(refused)} refused")
    # Who loses is told that the other one has it, or was first.
    assert {r["refused"] for r in refused} <= {"LeaseBusy", "MetadataChanged"}
    for one in refused:
        if one["refused"] == "LeaseBusy":
            assert "host" in one["text"], one
    order = explain(changes, before)
    for host in box.hosts:
        shown = host.json("show", domain.name)["domain"]
        assert (shown["seal"], shown["error"]) == ("valid", None)
        assert shown["reason"] == order[-1]
    assert len({reason.partition("-")[0] for reason in order}) == 2
    box.hosts[0].tool("clear", domain.name, "--reason", "raced", check=0)
