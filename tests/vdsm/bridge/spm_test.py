# SPDX-License-Identifier: GPL-2.0-or-later
"""The SPM moves, and the engine and VDSM learn of it one after the other."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.attached import AttachedScene  # noqa: E402
from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    both_off,
    during,
    ticked,
)
from tests.support.bridge.two_hosts import TwoHosts  # noqa: E402
from tests.support.hooks.needs import needs_sanlock  # noqa: E402
from tests.support.storage import loop  # noqa: E402
from tests.vdsm.inside import held  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = [
    *MARKS,
    needs_sanlock,
    pytest.mark.skipif(bool(loop.missing()), reason=loop.missing()),
]


@pytest.fixture(scope="module")
def pool():
    with TwoHosts(4) as made:
        yield made


@pytest.fixture
def scene(stand_in, pool):
    pool.move_spm(pool.real)
    with AttachedScene(stand_in, pool) as made:
        made.second = pool.other.in_engine("host2", made.center)
        made.engine.hosts.append(made.second)
        yield made


def engine_moves_it(scene):
    scene.spm.spm, scene.second.spm = "none", "spm"


def moved(scene, domain):
    """The other host has done it, and nobody else anything."""
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.changes(domain) == []
    assert scene.changes(domain, scene.pool.other) == [("set", ANNA, "done")]
    assert (scene.told(), scene.puts()) == ([], 0)


def test_the_engine_is_late(scene, pool):
    domain = both_off(scene)
    pool.move_spm(pool.other)
    ticked(scene, domain)
    scene.polls(2)
    assert "this host is not the SPM, host id 2 is" in scene.log()
    assert scene.flag(domain) == (None, None)
    engine_moves_it(scene)
    scene.later(60).polls()
    moved(scene, domain)


def test_vdsm_is_late(scene, pool):
    """The engine has chosen the new one, which is not yet the SPM."""
    domain = both_off(scene)
    pool.move_spm(None)
    engine_moves_it(scene)
    ticked(scene, domain)
    scene.polls(2)
    assert "this host is not the SPM, nobody is" in scene.log()
    assert scene.flag(domain) == (None, None)
    pool.move_spm(pool.other)
    scene.later(60).polls()
    moved(scene, domain)


def test_between_the_look_and_the_act(scene, pool):
    domain = both_off(scene)

    def move():
        pool.move_spm(pool.other)
        engine_moves_it(scene)

    ticked(scene, domain)
    during(scene, "perform", move)
    scene.polls()
    moved(scene, domain)


def test_between_the_question_and_the_change(scene, pool):
    """VDSM has said that it is the SPM, and is not any more when it acts."""
    domain = both_off(scene)
    pool.real.vdsm.do(held.stop_spm_when_asked, pool.sp_id)
    ticked(scene, domain)
    scene.polls(2)
    assert "this host is not the SPM any more" in scene.log()
    assert scene.flag(domain) == (None, None)
    pool.move_spm(pool.other)
    engine_moves_it(scene)
    scene.later(60).polls()
    moved(scene, domain)
