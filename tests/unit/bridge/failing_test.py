# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains with which a look has failed, and when each is looked at again."""

from vdsm_backup import errors
from vdsm_backup.bridge import memory
from vdsm_backup.bridge.failing import Failing

GONE = errors.EngineUnreachable("url", "500")
FULL = errors.BridgeState("/state", "No space left on device")


def failed(*names, error=GONE, now=1000.0):
    made = Failing()
    for name in names:
        made.add(name, error, now)
    return made


def test_the_first_failure_does_not_wait():
    made = failed("one")
    assert not made.waits("one", 1000.0)
    assert made.due(1000.0) == {"one"}


def test_what_fails_again_waits_longer_and_longer():
    made, now = failed("one"), 1000.0
    for delay in (*memory.RETRIES, memory.RETRIES[-1]):
        made.add("one", GONE, now)
        assert made.waits("one", now + delay - 1)
        assert made.due(now + delay - 1) == set()
        now += delay
        assert not made.waits("one", now)
        assert made.due(now) == {"one"}


def test_it_waits_no_longer_when_a_look_was_made():
    made = failed("one", "one", "one")
    made.over("one")
    assert not made.waits("one", 1000.0)
    assert (made.due(1000.0), made.error) == (set(), None)
    made.add("one", GONE, 1000.0)
    assert not made.waits("one", 1000.0), "it counts from the start"


def test_nothing_waits_for_a_full_disk():
    made = failed("one", "one", "one", error=FULL)
    assert made.due(1000.0) == {"one"}


def test_a_clock_that_goes_back_by_a_day():
    made = failed("one", "one")
    assert not made.waits("one", 1000.0 - 86400)


def test_what_has_failed_last_comes_last():
    made = failed("one", "two", "one")
    names = sorted(["one", "two", "three"], key=made.order)
    assert names == ["three", "two", "one"]


def test_error_is_that_of_the_last_failure_that_is_not_over():
    made = failed("one")
    made.add("two", FULL, 1000.0)
    assert made.error is FULL
    made.keep({"one", "three"})
    assert made.error is GONE
    made.keep(())
    assert made.error is None
