# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a round reads, in which order, and what it does not: at the stand-in of an
engine, and hosts that answer at once.
"""

import json
import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.bridge.engine import (  # noqa: E402
    DataCenter,
    Host,
    StorageDomain,
)
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import (  # noqa: E402
    box,
    events,
    flags,
    memory,
    shapes,
)

pytest_plugins = ["tests.support.bridge.fixtures"]

# Calls of the engine, and how one can fail.
FAULTS = [
    *(("events$", f) for f in (502, "garbage", "html", "cut", "no type")),
    *((path, 500) for path in ("storagedomains$", "hosts$", "datacenters$")),
    ("storagedomains/[^/]*$", "close"),
    ("datacenters/[^/]*/storagedomains$", "close"),
]


@pytest.fixture
def scene(stand_in):
    with fake_hosts.FakeScene(stand_in) as made:
        yield made


def paths(scene):
    """What the engine was asked since the last call, without ids."""
    found = [
        f"{method} " + path.partition("/api/")[2].partition("?")[0]
        for method, path, _ in scene.engine.requests
        if "/api/" in path
    ]
    scene.engine.requests.clear()
    return found


def test_order_of_reading(scene):
    """Events, then boxes, then flags."""
    scene.domain()
    paths(scene)
    seen = []
    scene.hosts.before = lambda request: seen.extend(paths(scene))
    scene.polls()
    assert (seen[0], seen.index("GET storagedomains") > 0) == (
        "GET events",
        True,
    )
    assert scene.hosts.requests() == ["list"]


def test_quiet_round_is_one_call(scene):
    one = scene.domain()
    scene.polls(2)
    scene.engine.edit(one, comment="x")
    scene.polls(2)
    paths(scene)
    asked = len(scene.hosts.asked)
    scene.engine.add_event(30)
    scene.polls(3)
    assert paths(scene) == ["GET events"] * 3
    assert len(scene.hosts.asked) == asked


def test_events_are_read_from_the_newest_on(scene):
    scene.domain()
    scene.polls()
    for _ in range(300):
        scene.engine.add_event(30)
    scene.polls(2)
    after = scene.engine.index - events.OVERLAP
    assert f"from={after}" in scene.engine.paths("GET")[-1]


def test_one_list_for_all_domains_of_a_data_center(scene):
    for name in ("one", "two", "three"):
        scene.domain(name)
    scene.polls()
    scene.compare()
    assert scene.hosts.requests() == ["list", "list"]


def test_event_looks_at_its_domain_alone(scene):
    one = scene.domain("one")
    scene.domain("two")
    scene.polls(2)
    asked = len(scene.hosts.asked)
    scene.engine.edit(one, backup=True)
    scene.polls()
    assert scene.hosts.requests()[asked:] == [
        f"show {one.id}",
        f"show {one.id}",
        f"set {one.id}",
    ]
    assert scene.flag(one) is True
    assert scene.hosts.storage[one.id]["by"] == "anna@internal"


def test_events_of_programs_are_no_reason_to_look(scene):
    one = scene.domain()
    scene.polls(2)
    asked = len(scene.hosts.asked)
    for code in (9801, 9804):
        scene.engine.add_event(code, domain=one)
    scene.polls(2)
    assert len(scene.hosts.asked) == asked


def test_late_event_is_seen(scene):
    one = scene.domain()
    scene.polls(2)
    event = scene.engine.edit(one, backup=True)
    event.late = True
    scene.engine.add_event(30)
    scene.polls()
    event.late = False
    scene.polls()
    assert scene.hosts.storage[one.id]["by"] == "anna@internal"


def test_edit_is_not_lost_if_the_round_fails(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.engine.edit(one, backup=False)
    scene.engine.faults = {"/storagedomains$": 500}
    scene.polls(3)
    scene.engine.faults = {}
    scene.polls(4)
    assert "unticked by anna@internal" in scene.told()[0]


@pytest.mark.parametrize("where, fault", FAULTS)
def test_any_call_fails_and_later_works(scene, where, fault):
    one = scene.domain()
    scene.polls(2)
    scene.engine.edit(one, backup=True)
    scene.engine.faults = {where: fault}
    scene.polls(3)
    assert scene.flag(one) is False
    scene.engine.faults = {}
    scene.later(60).polls(2)
    assert scene.flag(one) is True
    assert scene.told() == []


def test_report_that_could_not_be_made_is_made_later(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.engine.edit(one, backup=False)
    real = scene.bridge._engine.tell

    def fails(*args):
        scene.bridge._engine.tell = real
        raise errors.EngineUnreachable("url", "gone")

    scene.bridge._engine.tell = fails
    scene.polls(4)
    assert len(scene.told()) == 1


def test_report_that_the_engine_refuses_does_not_hold_us_up(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)

    def refused(*args):
        raise errors.EngineLogin("url", "no permit 1400")

    scene.bridge._engine.tell = refused
    scene.engine.edit(one, backup=False)
    scene.polls(5)
    assert scene.log().count("no permit 1400") == 1
    assert scene.log().count("unticked by anna@internal") == 1


def saved(scene):
    with open(os.path.join(scene.directory, "state.json")) as f:
        return json.load(f)


def test_state_is_saved_before_the_act(scene):
    one = scene.domain(flag=True)
    found = []
    real = scene.bridge._engine.tick

    def tick(*args):
        found.append(saved(scene)["domains"][one.id])
        return real(*args)

    scene.bridge._engine.tick = tick
    scene.polls()
    assert [(m["unsure"], m["ticked"]) for m in found] == [(True, True)]
    assert one.backup
    assert saved(scene)["domains"][one.id]["unsure"] is False


def test_put_has_a_correlation_that_any_bridge_knows(scene):
    scene.domain(flag=True)
    scene.polls()
    ((_, _, correlation),) = [
        r for r in scene.engine.requests if r[0] == "PUT"
    ]
    assert correlation.startswith(box.PREFIX)
    assert len(correlation) <= 50


@pytest.mark.parametrize("what", ["box", "flag", "comment", "spm", "gone"])
def test_no_act_if_something_has_changed_since_the_look(scene, what):
    one = scene.domain()
    scene.polls(2)
    scene.engine.edit(one, backup=True)

    def change(request):
        if request != f"show {one.id}":
            return
        scene.hosts.before = lambda request: None
        if what == "box":
            one.backup = False
        elif what == "flag":
            scene.hosts.answers[request] = {
                "schema": 1,
                "domain": scene.hosts.storage[one.id],
            }
            scene.write(one, stamp="T")
            real = scene.bridge._engine.domain

            def now(sd_id):
                scene.hosts.answers.clear()
                return real(sd_id)

            scene.bridge._engine.domain = now
        elif what == "comment":
            one.comment = "other"
        elif what == "spm":
            scene.spm.spm = "none"
        else:
            scene.engine.domains.remove(one)

    scene.hosts.before = change
    scene.polls()
    assert scene.hosts.requests("set") == []


def test_spm_is_looked_up_for_the_act(scene):
    one = scene.domain()
    other = Host("host2", scene.center)
    scene.engine.hosts.append(other)
    scene.polls(2)
    scene.engine.edit(one, backup=True)

    def move(request):
        scene.spm.spm, other.spm = "none", "spm"

    scene.hosts.before = move
    scene.polls()
    address, request, _ = scene.hosts.asked[-1]
    assert (address, request) == ("host2.example.com", f"set {one.id}")


def test_host_that_does_not_answer_is_left_alone_for_a_while(scene):
    one = scene.domain(backup=True)
    gone = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["host1.example.com"] = gone
    scene.polls()
    for _ in range(5):
        scene.engine.edit(one, comment="x")
        scene.polls()
    assert len(scene.hosts.asked) == 1
    assert "no route" in scene.row(one).why
    scene.later(60).polls()
    assert len(scene.hosts.asked) == 2
    scene.hosts.answers.clear()
    scene.later(60).polls()
    assert scene.flag(one) is True
    assert scene.log().count("no route") == 1
    assert scene.log().count("answers again") == 1


def test_hosts_of_other_data_centers_are_not_held_up(scene):
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    scene.engine.hosts.append(Host("host2", other, spm="spm"))
    one, two = scene.domain("one", backup=True), scene.domain("two")
    two.backup, two.data_center = True, other
    gone = errors.HostUnreachable("host1.example.com", "no route")
    scene.hosts.answers["host1.example.com"] = gone
    scene.polls(2)
    assert (scene.flag(one), scene.flag(two)) == (False, True)


def test_failed_set_is_tried_less_and_less_often(scene):
    one = scene.domain(backup=True)
    scene.hosts.answers["set"] = fake_hosts.error(964, "a VM runs")
    tries, step = [], 40
    for _ in range(120):
        before = len(scene.hosts.requests("set"))
        scene.later(step).polls()
        if len(scene.hosts.requests("set")) > before:
            tries.append(scene.now())
    waits = [round(b - a) for a, b in zip(tries, tries[1:])]
    for wait, expected in zip(waits, memory.RETRIES):
        # The round after it is due.
        assert expected <= wait <= expected + 2 * (step + 5)
    assert len(waits) >= 3
    assert scene.log().count("a VM runs") == 1
    assert "failed" in scene.row(one).why
    scene.hosts.answers.clear()
    scene.later(1800).polls()
    assert scene.flag(one) is True
    assert scene.log().count("goes on") == 1


def test_no_plugin_is_told_once_and_tried_again(scene):
    one = scene.domain(backup=True)
    error = errors.DomainAttached(one.id, "P", f"it {flags.NO_PLUGIN}")
    scene.hosts.answers["set"] = fake_hosts.error(error.code, str(error))
    scene.polls(3)
    assert (scene.row(one).row, len(scene.told())) == (17, 1)
    assert "no VDSM plugin" in scene.row(one).why
    scene.later(70).polls(3)
    assert len(scene.hosts.requests("set")) == 2
    assert len(scene.told()) == 1
    scene.hosts.answers.clear()
    scene.later(400).polls(2)
    assert scene.flag(one) is True


def test_domain_of_another_pool_is_told_once(scene):
    one = scene.domain(backup=True)
    error = errors.DomainAttached(one.id, "P", f"it {flags.OTHER_POOL}")
    scene.hosts.answers["set"] = fake_hosts.error(error.code, str(error))
    scene.polls(3)
    assert scene.row(one).row == 18
    scene.later(2000).polls(3)
    assert len(scene.told()) == 1


def test_edit_while_the_box_is_ticked_is_told(scene):
    one = scene.domain(flag=True)
    real = scene.bridge._engine.tick

    def tick(*args):
        one.name = "renamed"
        return real(*args)

    scene.bridge._engine.tick = tick
    scene.polls()
    assert "edited backups while its box was ticked" in scene.log()


def test_tick_without_an_answer(scene):
    one = scene.domain(flag=True)
    real = scene.bridge._engine.tick

    def tick(*args):
        scene.bridge._engine.tick = real
        real(*args)
        raise errors.EngineUnreachable("url", "no answer")

    scene.bridge._engine.tick = tick
    scene.polls(4)
    assert one.backup
    assert scene.puts() == 1


def test_locked_domain_is_left_alone(scene):
    one = scene.domain(flag=True)
    one.status = "locked"
    scene.polls(3)
    assert scene.puts() == 0
    assert (scene.row(one).box, bool(scene.row(one).why)) == (None, True)
    one.status = "active"
    scene.polls()
    assert one.backup


def test_only_the_domains_of_the_configuration(stand_in):
    one = StorageDomain("one")
    with fake_hosts.FakeScene(stand_in, domains=(one.id,)) as scene:
        one.data_center, one.backup = scene.center, True
        stand_in.domains.append(one)
        scene.hosts.storage[one.id] = fake_hosts.domain(one.id)
        two = scene.domain("two", backup=True)
        scene.polls(2)
        assert (scene.flag(one), scene.flag(two)) == (True, False)
        assert list(scene.bridge.rows) == [one.id]


def test_domain_that_is_gone_is_forgotten(scene):
    one = scene.domain(flag=True)
    scene.polls(2)
    scene.engine.domains.remove(one)
    scene.compare()
    assert (scene.bridge.rows, saved(scene)["domains"]) == ({}, {})


def test_restored_engine(scene):
    """An old box, and indexes that come once more."""
    one = scene.domain(backup=True, flag=True)
    for _ in range(20):
        scene.engine.add_event(30)
    scene.polls(3)
    scene.engine.restore(15)
    one.backup = False
    for _ in range(30):
        scene.engine.edit(one, comment="x")
    scene.polls(2)
    assert one.backup
    assert scene.told() == []


def test_first_tick_after_a_clear_counts_from_the_second_look(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.engine.edit(one, backup=False)
    scene.polls(4)
    scene.write(one, stamp="T")
    scene.compare()
    scene.engine.edit(one, "bob@ad", backup=True)
    scene.polls(2)
    assert scene.hosts.storage[one.id]["by"] == "bob@ad"


def test_bridge_that_changes_nothing(stand_in, scene):
    one, two = scene.domain("one", flag=True), scene.domain("two", True)
    scene.bridge._file = None
    before = os.listdir(scene.directory)
    scene.bridge.round()
    scene.bridge.round()
    assert (scene.puts(), scene.hosts.changes, scene.told()) == (0, 0, [])
    assert [scene.row(d).act for d in (one, two)] == [
        shapes.TICK,
        shapes.SET,
    ]
    assert os.listdir(scene.directory) == before


@pytest.mark.parametrize("seconds", [-10_000, -100])
def test_clock_that_goes_back(scene, seconds):
    one = scene.domain()
    scene.polls(2)
    scene.later(seconds)
    scene.engine.edit(one, backup=True)
    scene.polls()
    assert scene.flag(one) is True
    two = scene.domain("two", backup=True)
    scene.compare()
    assert scene.flag(two) is True
