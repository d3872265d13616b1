# SPDX-License-Identifier: GPL-2.0-or-later
"""
Host 1 loses its power in the middle of ten changes, each at another point.
Named to come last: host 1 is not there any more.
"""

import time

import pytest

from tests.e2e import domains
from tests.e2e.box.box import together

REASON = "of the dead host"

# On NFS, where there can be many domains, and on LUNs the tool stands still
# before a step.
STEPS = {
    **{
        f"nfs-{step}": step
        for step in (
            "compare",
            "create",
            "write",
            "check",
            "commit",
            "confirm",
        )
    },
    "iscsi4": "commit",
    "shared4": "commit",
    "iscsi5": "commit",
    "shared5": "compare",
}

# These go on, and have that many seconds for vgchange, which takes longer.
AT_WORK = ("iscsi4", "shared4")
WORKING = 1


@pytest.fixture(scope="module")
def lost(box, all_domains):
    """
    {name: (what host 2 saw right after, Done of its change, what it saw then)}
    """
    host1, host2 = box.hosts
    victims = {}
    for name, step in STEPS.items():
        if name in all_domains:
            domain = all_domains[name]
        else:
            domain = domains.make_nfs(host1, name, 5)
        victims[name] = domain
        job = host1.as_tool("stop", domain.sd_id, REASON, step)
        # One after the other: what is joined already has leases to renew.
        job.expect(f"at {step}")
    files = [f"/run/go-on.{victims[name].sd_id}" for name in AT_WORK]
    host1.run(["touch", *files])
    time.sleep(WORKING)
    host1.kill()
    seen = {d["id"]: d for d in host2.json("list")["domains"]}
    # sanlock waits for 8 io timeouts and the watchdog, 60 s, to be sure.
    changes = together(
        *(
            lambda d=d: host2.tool(
                *("set", d.sd_id, "--reason", "of host 2", "--timeout", "600")
            )
            for d in victims.values()
        )
    )
    after = {d["id"]: d for d in host2.json("list")["domains"]}
    return {
        name: (seen[d.sd_id], done, after[d.sd_id])
        for (name, d), done in zip(victims.items(), changes)
    }


@pytest.fixture(params=STEPS)
def victim(request, lost):
    return lost[request.param]


def test_old_or_new(victim):
    seen, _, _ = victim
    assert (seen["seal"], seen["error"]) == ("valid", None)
    if seen["flag"]:
        assert seen["reason"] == REASON
    else:
        assert seen["reason"] != REASON


def test_changed_by_the_other_host(victim):
    _, done, after = victim
    assert done.rc == 0, done
    assert (after["seal"], after["error"]) == ("valid", None)
    assert (after["flag"], after["reason"]) == (True, "of host 2")
