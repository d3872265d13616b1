# SPDX-License-Identifier: GPL-2.0-or-later
"""
A report whose answer is lost, or that cannot be made: what was seen is
remembered before it, and what comes only with it is not.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import fake_hosts  # noqa: E402
from vdsm_backup import errors  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

GONE = errors.EngineUnreachable("url", "no answer")


def tell_fails(scene, comes, error=GONE):
    """comes: whether the engine makes the event, and only its answer fails."""
    real = scene.bridge._engine.tell

    def tell(*args):
        if comes:
            real(*args)
        raise error

    scene.bridge._engine.tell = tell
    return lambda: setattr(scene.bridge._engine, "tell", real)


def written_back(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.write(one)
    scene.compare()


def unread(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    row = scene.hosts.storage[one.id]
    error = {"code": 961, "message": "it does not answer"}
    scene.hosts.storage[one.id] = {**row, "flag": None, "error": error}
    scene.compare()
    scene.later(1000).compare()


def without_plugin(scene):
    scene.domain(backup=True)
    scene.hosts.answers["set"] = fake_hosts.error(
        errors.DomainAttached.code, cause=errors.DomainAttached.NO_PLUGIN
    )
    scene.polls(3)


@pytest.mark.parametrize("restarts", [True, False])
@pytest.mark.parametrize("happens", [written_back, unread, without_plugin])
def test_report_whose_answer_is_lost_is_made_once(scene, happens, restarts):
    ends = tell_fails(scene, comes=True)
    happens(scene)
    scene.later(61).polls(2)
    if restarts:
        scene.restart()
    else:
        ends()
    scene.later(61).polls(3)
    scene.compare()
    assert len(scene.told()) == 1


@pytest.mark.parametrize("restarts", [True, False])
def test_clear_that_was_seen_counts_though_it_is_not_told(scene, restarts):
    one = scene.domain(backup=True)
    scene.polls(3)
    assert scene.flag(one)
    ends = tell_fails(scene, comes=False)
    scene.write(one, stamp="T")
    scene.compare()
    scene.write(one)
    if restarts:
        scene.restart()
    else:
        ends()
    scene.compare()
    scene.polls(3)
    assert not scene.flag(one)
    (told,) = scene.told()
    assert "was cleared by somebody" in told


def test_untick_counts_only_when_it_is_told(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    tell_fails(scene, comes=False)
    scene.engine.edit(one, backup=False)
    scene.polls(8)
    assert scene.saved()["domains"][one.id]["accepted"] is False
    scene.restart()
    scene.compare()
    (told,) = scene.told()
    assert "unticked by anna@internal" in told
    assert scene.saved()["domains"][one.id]["accepted"] is True
    assert (one.backup, scene.puts()) == (False, 0)


def of_a_master(scene):
    one = scene.domain(flag=True)
    one.master = True
    return one


def of_a_replica(scene):
    return scene.domain(flag=True, origin_match="replica")


def of_older_metadata(scene):
    one = scene.domain(backup=True, flag=True)
    scene.polls(3)
    scene.write(one)
    return one


def refused_before(scene):
    one = scene.domain(flag=True)
    one.vm_runs = True
    for _ in range(3):
        scene.later(1800).polls()
    one.vm_runs = False
    scene.later(1800)
    return one


@pytest.mark.parametrize("error", [GONE, errors.EngineLogin("url", "a proxy")])
@pytest.mark.parametrize(
    "happens", [of_a_master, of_a_replica, of_older_metadata, refused_before]
)
def test_a_report_that_fails_holds_back_no_act(scene, happens, error):
    one = happens(scene)
    assert not (one.backup and scene.flag(one))
    tell_fails(scene, comes=False, error=error)
    scene.compare()
    scene.polls(3)
    assert (one.backup, scene.flag(one)) == (True, True)
    assert scene.log().count("No event in the engine yet") == 1
    assert scene.told() == []
    assert scene.service.status().answers is True


def test_a_report_that_fails_is_made_while_it_is_so(scene):
    """The tick is refused for long, and then somebody is told."""
    one = scene.domain(flag=True)
    one.vm_runs = True
    ends = tell_fails(scene, comes=False)
    for _ in range(6):
        scene.later(1800).polls(2)
    assert scene.log().count("No event in the engine yet") == 1
    ends()
    for _ in range(2):
        scene.later(1800).polls(2)
    assert len(scene.told()) == 1
    assert "work again" in scene.log()


def test_edit_that_was_overwritten_is_told_long_after(scene):
    one = scene.domain(flag=True)
    scene.engine.meanwhile = lambda: scene.engine.edit(one, comment="a rack")
    ends = tell_fails(scene, comes=False)
    scene.polls(8)
    assert (one.backup, scene.told()) == (True, [])
    ends()
    scene.later(60).polls(2)
    (told,) = scene.told()
    assert "was edited by anna@internal while the bridge" in told
    scene.polls(8)
    assert len(scene.told()) == 1


@pytest.mark.parametrize("error", [GONE, errors.EngineRefused("x", 500, "y")])
def test_act_before_which_the_engine_is_lost_is_none(scene, error):
    one = scene.domain(flag=True)
    scene.bridge._acts.is_as_before = lost = Lost(
        scene.bridge._acts.is_as_before, error
    )
    scene.polls()
    assert lost.met == 1
    saved = scene.saved()["domains"][one.id]
    assert (saved["ticked"], saved["unsure"]) == (False, False)
    scene.polls()
    assert (one.backup, scene.puts()) == (True, 1)


class Lost:
    """A call that fails once."""

    def __init__(self, real, error):
        self._real = real
        self._error = error
        self.met = 0

    def __call__(self, *args):
        self.met += 1
        if self.met == 1:
            raise self._error
        return self._real(*args)
