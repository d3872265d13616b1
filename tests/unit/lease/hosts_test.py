# SPDX-License-Identifier: GPL-2.0-or-later
"""
Alone or not: what a real daemon does not say when we want it to. See
integration/lease_test for the rest.
"""

import pytest

pytest.importorskip("sanlock", reason="no sanlock binding")

import sanlock

from tests.support.lease.membershipscene import TIMEOUT
from vdsm_backup import errors
from vdsm_backup.lease.lockspace import Host
from vdsm_backup.lease.slot import Slot


def hosts(timestamp=1, generation=1, **states):
    found = {250: Host(sanlock.HOST_LIVE, 1, timestamp)}
    for name, state in states.items():
        value = getattr(sanlock, f"HOST_{state}")
        found[int(name.strip("h"))] = Host(value, generation, timestamp)
    return found


@pytest.fixture
def member(scene):
    member = scene.member()
    member.join()
    return member


@pytest.mark.parametrize("state", ["FREE", "DEAD"])
def test_alone_among_the_gone(scene, member, state):
    scene.space.script("hosts", hosts(h3=state))
    member.require_alone()
    assert scene.clock.now == 0


MAY_LIVE = ["UNKNOWN", "LIVE", "FAIL"]


@pytest.mark.parametrize("before", MAY_LIVE)
def test_alone_when_the_others_turn_out_dead(scene, member, before):
    scene.space.script("hosts", *[hosts(h3=before)] * 5, hosts(h3="DEAD"))
    member.require_alone()
    assert scene.clock.now > 0


def test_alone_though_sanlock_called_the_dead_live(scene, member):
    """As sanlock 3.9.5 does after each join, for 8 I/O timeouts."""
    states = ["UNKNOWN", "LIVE", "LIVE", "FAIL", "FAIL", "DEAD"]
    scene.space.script("hosts", *[hosts(h3=state) for state in states])
    member.require_alone()


@pytest.mark.parametrize("before", MAY_LIVE)
@pytest.mark.parametrize(
    "change", [{"timestamp": 2}, {"generation": 2}], ids=["renewed", "taken"]
)
def test_not_alone_when_one_turns_out_live(scene, member, before, change):
    first = hosts(h3=before, h4=before)
    then = {**first, 4: hosts(h4="LIVE", **change)[4]}
    scene.space.script("hosts", first, first, then)
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "4"
    assert scene.clock.now < TIMEOUT


def test_not_alone_when_one_joins_meanwhile(scene, member):
    scene.space.script("hosts", hosts(h3="FAIL"), hosts(h3="FAIL", h4="LIVE"))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "4"
    assert scene.clock.now < TIMEOUT


def test_alone_when_one_leaves_meanwhile(scene, member):
    left = hosts(h3="FREE", timestamp=0)
    scene.space.script("hosts", hosts(h3="LIVE"), left)
    member.require_alone()


@pytest.mark.parametrize("state", MAY_LIVE)
def test_not_alone_when_time_is_over(scene, member, state):
    scene.space.script("hosts", hosts(h4=state, h10=state, h3=state))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "3, 4, 10"
    assert scene.clock.now >= TIMEOUT


def test_hosts_are_named_when_time_is_over(scene, member):
    """Those that have a name."""
    scene.space.script("hosts", hosts(h3="UNKNOWN", h4="UNKNOWN"))
    scene.space.script("slots", Slot("host3"), Slot(""))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "3 (host3), 4"
    text = "may be used by other hosts, host ids: 3 (host3), 4; whether"
    assert text in str(e.value)
    assert "--timeout 180" in e.value.hint_lines()[0]


def test_hosts_whose_names_cannot_be_read(scene, member):
    scene.space.script("hosts", hosts(h3="FAIL"))
    scene.space.script("slots", errors.SanlockFailed("read", "why"))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "3"


def test_time_is_over_while_names_are_read(scene, member):
    scene.space.script("hosts", hosts(h3="FAIL"))
    scene.space.script("slots", errors.LeaseTimeout("sd", "20", "step"))
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert (e.value.hosts, e.value.doubt) == ("3", errors.HostsLive.DOUBT)


def test_not_alone_before_sanlock_has_looked(scene, member):
    scene.space.script("hosts", None)
    with pytest.raises(errors.HostsLive) as e:
        member.require_alone()
    assert e.value.hosts == "not known yet"


def test_alone_after_sanlock_has_looked(scene, member):
    scene.space.script("hosts", None, None, hosts())
    member.require_alone()
