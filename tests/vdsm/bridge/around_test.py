# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose domain it is, and who answers."""

import threading
import uuid

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.attached import (  # noqa: E402
    AttachedScene,
    LocalPool,
)
from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    both_off,
    ticked,
)
from tests.vdsm.bridge.held_changes import HeldChanges  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS

SET_ONCE = [("set", ANNA, "done")]


# Whose domain it is


def test_18_pool_of_another_engine(scene):
    """The engine has the domain in a data center that is not its pool."""
    domain = both_off(scene)
    scene.center.id = str(uuid.uuid4())
    ticked(scene, domain)
    scene.polls(2)
    assert scene.row(domain).row == 18
    assert scene.quiet()
    assert (len(scene.told()), scene.puts()) == (1, 0)
    assert scene.changes(domain) == []


def test_18_vdsm_is_not_in_that_pool(own_scene):
    """Error 309."""
    scene, pool = own_scene, own_scene.pool
    domain = both_off(scene)
    pool.vdsm.stop_spm(pool.sp_id)
    pool.vdsm.leave(pool.sp_id)
    ticked(scene, domain)
    scene.polls(2)
    assert scene.row(domain).row == 18
    assert scene.quiet()
    assert (len(scene.told()), scene.puts()) == (1, 0)
    pool.join()
    scene.later(3600).polls()
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.changes(domain) == SET_ONCE


def test_17_no_plugin_on_the_spm(stand_in):
    with (
        LocalPool(plugin=False) as pool,
        AttachedScene(stand_in, pool) as scene,
    ):
        domain = both_off(scene)
        ticked(scene, domain)
        scene.polls(2)
        assert scene.row(domain).row == 17
        assert scene.row(domain).why == "the SPM host has no VDSM plugin"
        assert scene.quiet()
        assert (len(scene.told()), scene.puts()) == (1, 0)
        assert scene.flag(domain) == (None, None)
        pool.restart(plugin=True)
        scene.later(3600).polls()
        assert scene.flag(domain) == ("True", ANNA)
        assert scene.changes(domain) == SET_ONCE


# Who answers


def test_host_that_does_not_answer(scene, pool):
    domain = both_off(scene)
    # The connection of the polls so far is ended, too.
    scene.restart()
    pool.real.sshd.stop()
    try:
        ticked(scene, domain)
        scene.polls(2)
        assert scene.row(domain).flag == "unknown"
        assert scene.flag(domain) == (None, None)
    finally:
        pool.real.sshd.start()
    scene.later(60).polls()
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.changes(domain) == SET_ONCE
    assert (scene.told(), scene.puts()) == ([], 0)


def test_vdsm_that_does_not_answer(own_scene):
    scene, pool = own_scene, own_scene.pool
    domain = both_off(scene)
    pool.vdsm.stop()
    ticked(scene, domain)
    scene.polls(2)
    assert "cannot be reached" in scene.log()
    assert "it was tried and failed" in scene.row(domain).why
    pool.restart()
    scene.later(60).polls()
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.changes(domain) == SET_ONCE
    assert (scene.told(), scene.puts()) == ([], 0)


def test_connection_that_breaks_in_the_middle(own_scene):
    """The host does what it was asked for, and the bridge hears nothing."""
    scene, pool = own_scene, own_scene.pool
    domain = both_off(scene)
    change = HeldChanges(scene)
    ticked(scene, domain)
    poll = threading.Thread(target=scene.polls)
    poll.start()
    change.wait()
    pool.real.sshd.cut()
    poll.join()
    assert scene.flag(domain) == (None, None)
    assert "Not done (unsure)" in scene.log()
    change.let_go(domain)
    assert scene.flag(domain) == ("True", ANNA)
    scene.later(60).polls()
    assert (scene.row(domain).row, scene.row(domain).why) == (2, "")
    assert scene.changes(domain) == SET_ONCE
    assert (scene.told(), scene.puts()) == ([], 0)
