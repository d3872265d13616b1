# SPDX-License-Identifier: GPL-2.0-or-later
"""What always fails with one domain, and what becomes of the others."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import host_hooks, memory  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

GONE = errors.EngineUnreachable("url", "500")


def unticked(scene, count):
    """Domains that were ticked and flagged, in the order of their looks."""
    made = [scene.domain(backup=True, flag=True) for _ in range(count)]
    scene.polls(3)
    for domain in made:
        scene.engine.edit(domain, backup=False)
    return sorted(made, key=lambda domain: domain.id)


def tell_fails(scene, always, once=()):
    """
    Reports about these domains. Returns what makes them again; a bridge that
    starts again can, too.
    """
    real, left = scene.bridge._engine.tell, {d.id for d in once}

    def tell(sd_id, *args):
        if sd_id in left or sd_id in {d.id for d in always}:
            left.discard(sd_id)
            raise GONE
        return real(sd_id, *args)

    scene.bridge._engine.tell = tell
    return lambda: setattr(scene.bridge._engine, "tell", real)


def test_a_domain_whose_report_fails_holds_up_no_other(scene):
    first, second = unticked(scene, 2)
    ends = tell_fails(scene, [first])
    scene.polls(8)
    assert scene.row(second).row == 10
    assert len(scene.told()) == 1
    third = scene.domain(backup=True)
    scene.compare()
    scene.polls(3)
    assert scene.flag(third)
    ends()
    scene.later(300).polls(2)
    assert len(scene.told()) == 2


def test_nor_one_that_has_failed_once(scene):
    first, second = unticked(scene, 2)
    tell_fails(scene, [first], once=[second])
    scene.polls(8)
    assert len(scene.told()) == 1
    assert second.id in scene.told()[0]


def test_nor_two_of_them(scene):
    first, second, third = unticked(scene, 3)
    tell_fails(scene, [first, second], once=[third])
    scene.polls(10)
    assert len(scene.told()) == 1
    assert third.id in scene.told()[0]


def test_what_is_known_of_the_others_is_saved(scene):
    first, second = unticked(scene, 2)
    tell_fails(scene, [first])
    scene.polls(8)
    assert scene.row(second).row == 10
    known = scene.bridge.state.domains[second.id]
    (told,) = known.told
    saved = scene.saved()["domains"][second.id]
    assert (saved["told"], saved["accepted"]) == ([told], True)
    scene.write(second, stamp="T")
    scene.compare()
    scene.engine.edit(second, "bob@ad", backup=True)
    scene.restart()
    scene.polls(3)
    assert scene.hosts.storage[second.id]["by"] == "bob@ad"


def test_an_event_about_one_that_fails_is_there_after_a_restart(scene):
    first, second = unticked(scene, 2)
    scene.bridge._reader.one_of = readable(scene, second.id)
    scene.polls(4)
    # More than are read again.
    for _ in range(300):
        scene.engine.add_event(30)
    scene.polls(4)
    scene.restart()
    scene.polls(5)
    told = "\n".join(scene.told())
    assert f"clear {first.id}" in told and f"clear {second.id}" in told


def readable(scene, sd_id):
    """Looks at this domain; those at any other one fail."""
    real = scene.bridge._reader.one_of

    def one_of(domain, place):
        if domain.id != sd_id:
            raise GONE
        return real(domain, place)

    return one_of


def test_a_full_disk_does_not_hide_why_a_round_fails(scene):
    first, _ = unticked(scene, 2)
    reader, file = scene.bridge._reader, scene.bridge._file
    seen, reader.one_of = reader.one_of, readable(scene, first.id)
    real, full = file.save, errors.BridgeState("/state", "No space left")

    def save(state):
        raise full

    file.save = save
    scene.polls()
    assert scene.service.status().problem == GONE.with_code()
    assert scene.log().count(full.with_code()) == 1
    file.save = real
    scene.polls()
    assert scene.log().count("The state can be saved again") == 1
    reader.one_of = seen
    scene.later(60).polls(4)
    assert scene.service.status().problem == ""
    assert len(scene.told()) == 2


def test_it_is_looked_at_less_and_less_often(scene):
    first, second = unticked(scene, 2)
    ends = tell_fails(scene, [first])
    show, looks, edits = f"show {first.id}", [], 0
    waits = []
    while len(waits) < len(memory.RETRIES):
        if edits < 40:
            # Events about it are no reason to look again.
            edits += 1
            scene.engine.edit(first, "bob@ad", comment=str(edits))
        before = len(scene.hosts.requests(show))
        scene.polls()
        if len(scene.hosts.requests(show)) > before:
            looks.append(scene.now())
            gaps = [b - a for a, b in zip(looks, looks[1:])]
            waits = [gap for gap in gaps if gap > 2 * scene.settings.poll]
        elif waits:
            assert scene.service.status().problem == GONE.with_code()
    for wait, expected in zip(waits, memory.RETRIES):
        assert expected <= wait <= expected + 2 * scene.settings.poll
    assert scene.log().count(GONE.with_code()) == 1, "and it is not over"
    ends()
    scene.later(memory.RETRIES[-1]).polls(2)
    assert scene.service.status().problem == ""
    told = "\n".join(scene.told())
    assert f"clear {first.id}" in told and f"clear {second.id}" in told
    assert "bob@ad" in told


def test_a_failure_of_the_engine_as_a_whole_keeps_none_waiting(scene):
    """It is there again at the next poll."""
    (one,) = unticked(scene, 1)
    tell_fails(scene, [], once=[one])
    scene.polls(5)
    assert len(scene.told()) == 1


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


def test_hosts_are_looked_after_meanwhile(scene):
    first, _ = unticked(scene, 2)
    tell_fails(scene, [first])
    scene.polls(8)
    scene.spm.hooks.clear()
    scene.compare()
    (host,) = scene.service.status().hosts
    assert host.hook == host_hooks.MISSING
