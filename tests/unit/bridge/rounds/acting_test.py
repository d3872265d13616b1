# SPDX-License-Identifier: GPL-2.0-or-later
"""An act of a round, and what is saved and looked at before it."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_things import Host  # noqa: E402
from vdsm_backup.bridge import events, shapes, state_json  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_state_is_saved_before_the_act(scene):
    one = scene.domain(flag=True)
    found = []
    real = scene.bridge._engine.tick

    def tick(*args):
        found.append(scene.saved()["domains"][one.id])
        return real(*args)

    scene.bridge._engine.tick = tick
    scene.polls()
    assert [(m["unsure"], m["ticked"]) for m in found] == [(True, True)]
    assert one.backup
    assert scene.saved()["domains"][one.id]["unsure"] is False


def test_what_comes_after_an_act_is_saved_too(scene):
    """What is known of other domains, and the last event."""
    made = [scene.domain("data"), scene.domain("backups")]
    # The one that is looked at first.
    scene.write(min(made, key=lambda domain: domain.id), flag=True)
    scene.polls()
    assert scene.puts() == 1
    with open(scene.state_path, "rb") as f:
        assert state_json.parse(f.read()) == scene.bridge.state


def test_put_has_a_correlation_that_any_bridge_knows(scene):
    scene.domain(flag=True)
    scene.polls()
    ((_, _, correlation),) = [
        r for r in scene.engine.requests if r[0] == "PUT"
    ]
    assert correlation.startswith(events.PREFIX)
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


@pytest.mark.parametrize("late", ["", "edit", "tick"])
def test_edit_that_the_tick_has_overwritten_is_told(scene, late):
    """Between the engine's reading of the domain and its writing."""
    one = scene.domain(flag=True)
    made = []

    def edit():
        event = scene.engine.edit(one, comment="a new rack")
        event.late = late == "edit"
        made.append(event)

    scene.engine.meanwhile = edit
    scene.polls()
    assert (one.backup, one.comment) == (True, "")
    (edited,), ticked = made, scene.engine.events[-1]
    ticked.late = late == "tick"
    scene.polls(2)
    assert len(scene.told()) == (0 if late else 1)
    edited.late = ticked.late = False
    scene.polls(2)
    (text,) = scene.told()
    assert "backups was edited by anna@internal while the bridge" in text
    assert text in scene.log()
    scene.compare().restart()
    scene.compare()
    assert len(scene.told()) == 1


def test_edit_before_the_tick_is_there_and_not_told(scene):
    one = scene.domain(flag=True)
    scene.engine.edit(one, comment="a new rack")
    scene.polls(5)
    assert (one.backup, one.comment) == (True, "a new rack")
    assert scene.told() == []


def test_locked_domain_is_left_alone(scene):
    one = scene.domain(flag=True)
    one.status = "locked"
    scene.polls(3)
    assert scene.puts() == 0
    assert (scene.row(one).box, bool(scene.row(one).why)) == (None, True)
    one.status = "active"
    scene.polls()
    assert one.backup


def test_an_edit_of_a_domain_that_is_locked_then(scene):
    """Though its event is not among those that are read again."""
    one = scene.domain(backup=True, flag=True)
    scene.polls(4)
    scene.engine.edit(one, backup=False)
    one.status = "locked"
    scene.polls()
    assert scene.row(one).box is None
    for _ in range(300):
        scene.engine.add_event(30)
    one.status = "active"
    scene.later(60).polls(5)
    assert scene.row(one).row == 10
    (told,) = scene.told()
    assert "unticked by anna@internal" in told
    assert (one.backup, scene.puts()) == (False, 0)


def test_an_act_that_was_not_tried_is_none(scene):
    """Of a tick that was planned only nothing is waited for."""
    one = scene.domain(flag=True)
    real = scene.bridge._acts.is_as_before

    def lowered(*args):
        scene.bridge._acts.is_as_before = real
        scene.write(one, stamp="T")
        return real(*args)

    scene.bridge._acts.is_as_before = lowered
    scene.polls(5)
    assert (one.backup, scene.puts()) == (False, 0)
    assert scene.bridge.state.domains[one.id].unsure is False
    before = len(scene.hosts.asked)
    scene.polls(20)
    assert len(scene.hosts.asked) == before


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
    scene.bridge._kept._file = None
    before = os.listdir(scene.directory)
    scene.bridge.round()
    scene.bridge.round()
    assert (scene.puts(), scene.hosts.changes, scene.told()) == (0, 0, [])
    assert [scene.row(d).act for d in (one, two)] == [
        shapes.TICK,
        shapes.SET,
    ]
    assert os.listdir(scene.directory) == before
