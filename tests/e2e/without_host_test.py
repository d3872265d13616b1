# SPDX-License-Identifier: GPL-2.0-or-later
"""
Host 1 loses its power in the middle of ten changes, each at another point.
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

# On this one host 2 gives up at first, before sanlock can know that host 1 is
# dead: it waits for 8 io timeouts and the watchdog's 60 seconds.
EARLY = "nfs-create"
TOO_SHORT = 80


@pytest.fixture(scope="module")
def story(box, all_domains, boot_next):
    """
    {name: (what host 2 saw before, right after, Done of its change, after it)}
    and Done of the change that host 2 gave up.
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
    boot_next()
    seen = host2.listed()

    def change(name, timeout=600):
        why = ("--reason", "of host 2", "--timeout", str(timeout))
        return host2.tool("set", victims[name].sd_id, *why, "--replace")

    def change_all(name):
        early = change(name, TOO_SHORT) if name == EARLY else None
        return early, change(name)

    changes = dict(zip(STEPS, together(change_all, STEPS)))
    after = host2.listed()
    found = {
        name: (before[name], seen[name], changes[name][1], after[name])
        for name in STEPS
    }
    return found, changes[EARLY][0]


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


@pytest.mark.parametrize("name", STEPS)
def test_changed_by_the_other_host(lost, name):
    _, _, done, after = lost[name]
    assert done.rc == 0, done
    assert (after["seal"], after["error"]) == ("valid", None)
    assert (after["flag"], after["reason"]) == (True, "of host 2")


def test_not_before_the_host_is_known_to_be_dead(story):
    _, early = story
    assert early.rc == 1, early
    said = " ".join(early.err.split())
    assert "host1 did not leave in order" in said, early
