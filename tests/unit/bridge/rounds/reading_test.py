# SPDX-License-Identifier: GPL-2.0-or-later
"""What a round reads, in which order, and what it does not."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from tests.support.bridge.engine_things import StorageDomain  # noqa: E402
from vdsm_backup.bridge import events  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


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
