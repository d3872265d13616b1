# SPDX-License-Identifier: GPL-2.0-or-later
"""
Host 1 loses its power in the middle of eleven changes, at several points.
They come last: host 1 is not there any more.
"""

import time

import pytest

from tests.e2e import domains
from tests.e2e.box.box import together

REASON = "of the dead host"

# On NFS, where there can be many domains, and on LUNs the tool stands still
# before a step.
FILE_STEPS = ("compare", "create", "write", "check", "commit", "confirm")
# On this one host 2 gives up before sanlock can know that host 1 is dead.
EARLY = "nfs-early"
ON_NFS = {**{f"nfs-{step}": step for step in FILE_STEPS}, EARLY: "create"}
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

# Seconds: sanlock waits for 8 io timeouts and the watchdog's 60 seconds.
TOO_SHORT = 80

# sanlock goes on for as long as it would have waited, and leaves then.
LEFT = """\
timeout 300 sh -c 'while sanlock client status | grep "^s "; do sleep 1; done'
"""


@pytest.fixture(scope="module")
def story(box, all_domains, begin_packages):
    """
    {name: (what host 2 saw before, right after, Done of its change, after it)}
    and Done of a look at the lockspaces of host 2 at the end.
    """
    host1, host2 = box.hosts

    new = [domains.Domain(n, "nfs", 5, domains.MOUNT) for n in ON_NFS]
    victims = {
        **{domain.name: domain for domain in domains.make(host1, *new)},
        **{name: all_domains[name] for name in ON_LUNS},
    }
    before = host2.listed()

    def stop(name):
        job = host1.as_tool("stop", victims[name].sd_id, REASON, STEPS[name])
        job.expect(f"at {STEPS[name]}")

    together(stop, ON_NFS)
    together(stop, ON_LUNS)
    host1.go_on(*(victims[name] for name in AT_WORK))
    time.sleep(WORKING)
    host1.kill()
    begin_packages()
    seen = host2.listed()

    def change(name):
        timeout = str(TOO_SHORT if name == EARLY else 600)
        why = ("--reason", "of host 2", "--timeout", timeout)
        return host2.tool("set", victims[name].sd_id, *why, "--replace")

    changes = dict(zip(STEPS, together(change, STEPS)))
    after = host2.listed()
    found = {
        name: (before[name], seen[name], changes[name], after[name])
        for name in STEPS
    }
    return found, host2.run(LEFT, check=False)


@pytest.fixture
def lost(story):
    return story[0]


@pytest.mark.parametrize("name", STEPS)
def test_old_or_new(lost, name):
    before, seen, _, _ = lost[name]
    assert (seen["seal"], seen["error"]) == ("valid", None)
    old, new = (before["flag"], before["reason"]), (True, REASON)
    expected = [new] if STEPS[name] == "confirm" else [old]
    if name in AT_WORK:
        expected = [old, new]
    assert (seen["flag"], seen["reason"]) in expected


@pytest.mark.parametrize("name", [name for name in STEPS if name != EARLY])
def test_changed_by_the_other_host(lost, name):
    _, _, done, after = lost[name]
    assert done.rc == 0, done
    assert (after["seal"], after["error"]) == ("valid", None)
    assert (after["flag"], after["reason"]) == (True, "of host 2")


def test_not_before_the_host_is_known_to_be_dead(lost):
    _, seen, done, after = lost[EARLY]
    assert done.rc == 1, done
    said = " ".join(done.err.split())
    assert "host1 did not leave in order" in said, done
    for key in ("flag", "reason", "seal", "error"):
        assert after[key] == seen[key]


def test_nothing_is_left_joined(story):
    """Nor where it gave up. A next try: tests/integration/lease/joining.py."""
    _, left = story
    assert left.rc == 0, left
