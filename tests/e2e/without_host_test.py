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
FILE_STEPS = ("compare", "create", "write", "check", "commit", "confirm")
ON_NFS = {f"nfs-{step}": step for step in FILE_STEPS}
ON_LUNS = {
    "iscsi4": "commit",
    "shared4": "commit",
    "iscsi5": "commit",
    "shared5": "compare",
}
STEPS = {**ON_NFS, **ON_LUNS}

# These go on, and have that many seconds for vgchange, which takes longer. A
# look for it among the processes takes as long, and misses it.
AT_WORK = ("iscsi4", "shared4")
WORKING = 1


@pytest.fixture(scope="module")
def lost(box, all_domains):
    """
    {name: (what host 2 saw right after, Done of its change, what it saw then)}
    """
    host1, host2 = box.hosts
    victims = {name: all_domains[name] for name in ON_LUNS}
    for name in ON_NFS:
        victims[name] = domains.make_nfs(host1, name, 5)

    def stop(name):
        job = host1.as_tool("stop", victims[name].sd_id, REASON, STEPS[name])
        job.expect(f"at {STEPS[name]}")

    together(stop, ON_NFS)
    together(stop, ON_LUNS)
    kill_at_work(host1, [victims[name].sd_id for name in AT_WORK])
    seen = host2.listed()

    def change(name):
        # sanlock waits for 8 io timeouts and the watchdog, 60 s, to be sure.
        why = ("--reason", "of host 2", "--timeout", "600")
        return host2.tool("set", victims[name].sd_id, *why)

    changes = together(change, STEPS)
    after = host2.listed()
    return {
        name: (seen[name], done, after[name])
        for name, done in zip(STEPS, changes)
    }


def kill_at_work(host, ids):
    """The power goes when they have been at work for some time."""
    host.run(["touch", *(f"/run/go-on.{sd_id}" for sd_id in ids)])
    time.sleep(WORKING)
    host.kill()


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
