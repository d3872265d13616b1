# SPDX-License-Identifier: GPL-2.0-or-later
"""
From the Backup box of an engine to storage that two hosts share, and back: by
the bridge of the packages, ssh, and the agent on the hosts. The engine is a
stand-in, which calls domains attached that are not: no VDSM is there. See
bridge_story.py.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.e2e import bridge_story, bridging  # noqa: E402
from tests.e2e.bridge_story import (  # noqa: E402
    CLEARED,
    TICKED,
    TYPED,
    USERS,
)
from tests.support.bridge.engine_api import USER  # noqa: E402
from vdsm_backup.bridge.events import PREFIX  # noqa: E402
from vdsm_backup.bridge.flags import REASON  # noqa: E402


@pytest.fixture(scope="module")
def story(box, all_domains):
    return bridge_story.play(box, all_domains)


def via_bridge(name):
    return f"{USERS[name]} via bridge {bridging.NAME}"


@pytest.mark.parametrize("name", TICKED)
def test_tick_raises_the_flag(story, name):
    for listed in story["shown"]:
        shown = of(listed, story, name)
        assert (shown["flag"], shown["reason"]) == (True, REASON)
        assert shown["by"] == via_bridge(name)
        assert (shown["seal"], shown["error"]) == ("valid", None)


@pytest.mark.parametrize("name", TICKED)
@pytest.mark.parametrize("host", ["host1", "host2"])
def test_no_host_starts_a_vm_there(story, name, host):
    refused = story["refused"][host, name]
    assert refused.rc == 2, refused
    title = story["domains"][name].name
    assert f"is on backup domain {title} (set by {USERS[name]}" in refused.err
    assert "(error 994)" in refused.err


@pytest.mark.parametrize("name", TICKED)
def test_the_spm_of_that_moment_raises_it(story, name):
    """It moved between the two."""
    assert setters(story, name) == [story["order"][name]]


def test_flag_by_the_command_line_ticks_the_box(story):
    edits = [e for e in story["engine"]["edits"] if e[0] == "typed"]
    ((_, user, correlation),) = edits
    assert user == f"{USER}-authz"
    assert correlation.startswith(PREFIX)
    for listed in story["shown"]:
        shown = of(listed, story, "typed")
        assert (shown["by"], shown["reason"]) == ("root@host2", TYPED)


def test_untick_leaves_the_flag(story):
    domains, _ = story["differ"]
    shown = domains["nfs"]
    assert (shown["box"], shown["flag"], shown["row"]) == (False, "on", 10)
    assert shown["act"] == "nothing"
    assert shown["differs_since"]


def test_cleared_flag_stays_cleared(story):
    domains, _ = story["differ"]
    shown = domains["iscsi"]
    assert (shown["box"], shown["flag"], shown["row"]) == (True, "off", 5)
    assert shown["act"] == "nothing"


@pytest.mark.parametrize("name", TICKED)
def test_both_off_in_either_order(story, name):
    """That is the end of it."""
    assert story["agreed"][0][name]["differs_since"] is None
    assert not story["engine"]["boxes"][name]
    for listed in story["listed"]:
        shown = of(listed, story, name)
        assert (shown["flag"], shown["reason"]) == (False, CLEARED)
        assert shown["by"].startswith("root@host")


def test_told_once_each(story):
    """Nobody is told of what goes right, nor of hosts, by real hooks."""
    conflict, untick = sorted(story["engine"]["told"])
    sd_id = story["domains"]["nfs"].sd_id
    assert f"of nfs was unticked by {USERS['nfs']}" in untick
    assert f"on host host1: vdsm-backup-domain clear {sd_id}" in untick
    assert "of iscsi is ticked, but its flag" in conflict


def test_who_edits_what(story):
    """The bridge has ticked one box, and unticked none."""
    users = [user for _, user, _ in story["engine"]["edits"]]
    assert users.count(f"{USER}-authz") == 1
    ticked = {n for n, box in story["engine"]["boxes"].items() if box}
    assert ticked == {"typed", "cut"}


def test_connections_are_kept(story):
    """A machine that is busy may lose one."""
    for logins, calls in story["ssh"]:
        assert 0 < logins <= calls // 3


def test_spm_that_cannot_be_reached(story):
    domains, more = story["cut"]
    assert more["engine"]["answers"]
    shown = domains["cut"]
    assert (shown["row"], shown["act"]) == (15, "nothing")
    assert "10.77.1.2" in shown["why"]
    assert shown["differs_since"]


def test_done_by_the_next_spm(story):
    """And once, though the bridge was killed meanwhile."""
    assert setters(story, "cut") == ["host2"]
    for listed in story["listed"]:
        assert of(listed, story, "cut")["by"] == via_bridge("cut")


def test_killed_in_the_middle(story):
    assert story["killed"].rc == -9
    # What the one before had said last.
    rows = {d["name"]: d for d in story["left"].json["domains"]}
    assert rows["cut"]["flag"] != "on"
    assert story["again"][0]["cut"]["differs_since"] is None


def test_goes_on_from_its_state(story):
    """At first sight one box would be ticked, and the other row be 7."""
    rows = {n: d["row"] for n, d in story["again"][0].items()}
    assert (rows["nfs"], rows["iscsi"]) == (10, 5)


def test_status_knows_the_hooks_of_hosts(story):
    """By checksums of what packages have put there; also without an SPM."""
    for when in ("ticked", "cut", "again"):
        _, more = story[when]
        hosts = {host["name"]: host["hook"] for host in more["hosts"]}
        assert hosts == {"host1": "ok", "host2": "ok"}


def test_one_session_of_each_bridge(story):
    """The one that was killed, and the next one."""
    assert story["engine"]["logins"] == [f"{USER}-authz"] * 2


def test_stopped(story):
    stopped = story["stopped"]
    assert stopped.rc == 128 + 15, stopped
    assert "Traceback" not in stopped.err + story["killed"].err


def of(listed, story, name):
    """What a host lists of it. The engine may call it by another name."""
    return listed[story["domains"][name].name]


def setters(story, name):
    """Names of the hosts that have set its flag, one for each time."""
    sd_id = story["domains"][name].sd_id
    return [
        host
        for host, changed in story["changed"].items()
        for action in changed.get(sd_id, [])
        if action == ("set", "done")
    ]
