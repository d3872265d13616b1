# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain with which looks always fail: when it is looked at again."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.failures import (  # noqa: E402
    GONE,
    readable,
    tell_fails,
    unticked,
)
from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import events, host_hooks  # noqa: E402
from vdsm_backup.bridge.failing import DELAYS  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_it_is_looked_at_each_five_minutes(scene):
    first, second = unticked(scene, 2)
    ends = tell_fails(scene, [first])
    show = f"show {first.id}"
    for edits in range(120):
        # Events about it are no reason to look again.
        scene.engine.edit(first, "bob@ad", comment=str(edits))
        scene.polls()
    asked = len(scene.hosts.requests(show))
    assert asked < 9, "in ten minutes"
    for _ in range(360):
        scene.polls()
        status = scene.service.status()
        assert status.problem == f"Looks at backups fail: {GONE.with_code()}"
        assert status.answers is True, "that is of the engine"
    assert len(scene.hosts.requests(show)) - asked < 360 * 5 / 300 + 1
    why = {scene.row(domain).id: scene.row(domain).why for domain in (first,)}
    assert why == {first.id: GONE.with_code()}
    (line,) = [x for x in scene.log().splitlines() if "has failed" in x]
    assert f"A look at backups ({first.id}) has failed: " in line
    assert "The engine answers the bridge again" not in scene.log()
    ends()
    scene.later(DELAYS[-1]).polls(2)
    assert f"Looks at backups ({first.id}) work again" in scene.log()
    assert scene.service.status().problem == ""
    told = "\n".join(scene.told())
    assert f"clear {first.id}" in told and f"clear {second.id}" in told
    assert "bob@ad" in told


@pytest.mark.parametrize("restarts", [True, False])
def test_events_while_it_waits_are_remembered(scene, restarts):
    """More come than are read again."""
    (one,) = [scene.domain(backup=True, flag=True)]
    scene.polls(3)
    scene.bridge._reader.one_of = readable(scene, "")
    scene.engine.edit(one, comment="x")
    scene.polls(5)
    assert scene.bridge.agenda.failing.waits(one.id, scene.now())
    scene.engine.edit(one, "bob@ad", backup=False)
    scene.polls()
    for _ in range(300):
        scene.engine.add_event(30)
    scene.polls(2)
    if restarts:
        scene.restart()
    else:
        del scene.bridge._reader.one_of
        scene.later(60)
    scene.polls(5)
    (told,) = scene.told()
    assert "bob@ad" in told


@pytest.mark.parametrize("others", [0, 300])
def test_an_import_while_it_waits_is_known(scene, others):
    """Who imports a domain unticked has unticked no box."""
    one = scene.domain(backup=True, flag=True)
    for _ in range(4):
        scene.compare()
    scene.bridge._reader.one_of = readable(scene, "")
    scene.engine.edit(one, comment="x")
    scene.polls(5)
    assert scene.bridge.agenda.failing.waits(one.id, scene.now())
    one.backup = False
    scene.engine.add_event(events.ADDED, domain=one)
    scene.polls()
    for _ in range(others):
        scene.engine.add_event(30)
    scene.polls(2)
    del scene.bridge._reader.one_of
    scene.later(60).polls(3)
    assert (one.backup, scene.told()) == (True, [])


def test_a_domain_that_always_fails_is_shown_after_a_restart(scene):
    (one,) = unticked(scene, 1)
    tell_fails(scene, [one])
    scene.polls(5)
    scene.restart()
    tell_fails(scene, [one])
    scene.polls(5)
    row = scene.row(one)
    assert (row.box, row.flag, row.why) == (False, "on", GONE.with_code())
    assert row.differs_since is not None
    (host,) = scene.service.status().hosts
    assert host.hook == host_hooks.OK


def test_what_the_hosts_list_is_shown_while_it_waits(scene):
    (one,) = unticked(scene, 1)
    tell_fails(scene, [one])
    scene.polls(8)
    scene.write(one, flag=False, stamp="T")
    scene.compare()
    row = scene.row(one)
    assert (row.box, row.flag, row.differs_since) == (False, "off", None)


def test_since_when_it_differs_is_kept_while_it_waits(scene):
    (one,) = unticked(scene, 1)
    scene.polls()
    since = scene.row(one).differs_since
    assert since is not None
    tell_fails(scene, [one])
    scene.polls(5)
    for _ in range(3):
        scene.compare()
        row = scene.row(one)
        assert (row.why, row.differs_since) == (GONE.with_code(), since)


def test_a_domain_that_is_gone_between_list_and_look_has_not_failed(scene):
    for _ in range(2):
        scene.domain()
    scene.polls(2)
    gone = errors.EngineRefused("show a storage domain", 404, "not found")
    engine = scene.bridge._engine
    first, second = sorted(d.id for d in scene.engine.domains)
    real = engine.domain

    def domain(sd_id):
        if sd_id == second:
            raise gone
        return real(sd_id)

    engine.domain = domain
    for each in scene.engine.domains:
        scene.engine.edit(each, backup=True)
    scene.polls()
    assert scene.hosts.storage[first]["flag"] is True
    assert scene.service.status().problem == ""
    assert "has failed" not in scene.log()
