# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains with which a look has failed, and when each is looked at again."""

from tests.support.bridge.engine_things import StorageDomain
from vdsm_backup import errors
from vdsm_backup.bridge.failing import DELAYS, Failing

GONE = errors.EngineUnreachable("url", "500")
FULL = errors.BridgeState("/state", "No space left on device")

ONE, TWO = (StorageDomain(name, None, id=name) for name in ("one", "two"))


def failed(*domains, now=1000.0):
    made = Failing()
    for domain in domains:
        made.add(domain, GONE, now)
    return made


def test_the_first_failure_does_not_wait():
    """It is over at the next poll, if it is one that is soon over."""
    made = failed(ONE)
    assert not made.waits("one", 1000.0)
    assert made.due(1000.0) == {"one"}


def test_what_fails_again_waits_longer():
    made, now = failed(ONE), 1000.0
    for delay in (*DELAYS[1:], DELAYS[-1]):
        made.add(ONE, GONE, now)
        assert made.waits("one", now + delay - 1)
        assert made.due(now + delay - 1) == set()
        now += delay
        assert not made.waits("one", now)
        assert made.due(now) == {"one"}


def test_it_waits_no_longer_when_a_look_was_made():
    made = failed(ONE, ONE, ONE)
    made.over("one")
    assert not made.waits("one", 1000.0)
    assert (made.due(1000.0), made.problem) == (set(), "")
    made.add(ONE, GONE, 1000.0)
    assert not made.waits("one", 1000.0), "it counts from the start"


def test_nothing_waits_for_a_full_disk():
    made = failed(ONE, ONE, ONE)
    made.interrupted(ONE, FULL, 1000.0)
    assert made.due(1000.0) == {"one"}
    made.add(ONE, GONE, 1000.0)
    assert made.waits("one", 1000.0 + DELAYS[-1] - 1), "it still counts"


def test_a_clock_that_goes_back_by_a_day():
    made = failed(ONE, ONE)
    assert not made.waits("one", 1000.0 - 86400)


def test_what_has_failed_last_comes_last():
    made = failed(ONE, TWO, ONE)
    names = sorted(["one", "two", "three"], key=made.order)
    assert names == ["three", "two", "one"]


def test_problem_is_what_fails_and_why_it_did_last():
    made = failed(ONE)
    made.interrupted(TWO, FULL, 1000.0)
    assert made.problem == f"Looks at one, two fail: {FULL.with_code()}"
    assert made.error("one") is GONE
    made.keep({"one", "three"})
    assert made.problem == f"Looks at one fail: {GONE.with_code()}"
    made.keep(())
    assert (made.problem, made.error("one")) == ("", None)
