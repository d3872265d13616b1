# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do in the engine, on the host, or at both."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.attached import AttachedScene  # noqa: E402
from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    both_off,
    both_on,
    during,
    ticked,
    unticked,
)
from tests.vdsm.inside import storage, vms  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS

BOB = "bob@ad via bridge engine1"


def actions(scene, domain):
    return [action for action, _, _ in scene.changes(domain)]


@pytest.mark.parametrize("version", [4, 5])
def test_tick_untick_and_clear(scene, version):
    domain = scene.domain(version=version)
    scene.polls(2)
    ticked(scene, domain)
    scene.polls()
    assert scene.flag(domain) == ("True", ANNA)
    told = scene.pool.vdsm.get_backup(domain.id)
    assert (told["backup"], told["by"]) == (True, ANNA)
    assert scene.changes(domain) == [("set", ANNA, "done")]
    unticked(scene, domain)
    scene.polls(4)
    assert "unticked by anna@internal" in scene.told()[0]
    assert scene.flag(domain) == ("True", ANNA)
    scene.clear(domain)
    scene.compare()
    assert (scene.flag(domain)[0], scene.row(domain).why) == ("False", "")
    assert scene.quiet()
    assert (len(scene.told()), scene.puts()) == (1, 0)


def test_clear_and_untick(scene):
    domain = both_off(scene)
    ticked(scene, domain)
    scene.polls(2)
    scene.clear(domain)
    scene.compare()
    assert "was cleared by somebody" in scene.told()[0]
    assert (scene.flag(domain)[0], domain.backup) == ("False", True)
    unticked(scene, domain)
    scene.polls(2)
    assert (scene.row(domain).row, scene.row(domain).why) == (14, "")
    assert scene.quiet()
    assert actions(scene, domain) == ["set", "clear"]
    assert (len(scene.told()), scene.puts()) == (1, 0)


def test_flag_that_was_set_on_the_host(scene):
    domain = both_off(scene)
    scene.set(domain)
    scene.compare()
    assert domain.backup
    assert actions(scene, domain) == ["set"]


@pytest.mark.parametrize("again", [False, True])
def test_untick_that_clears(stand_in, pool, again):
    """again: somebody ticks it just when the flag is lowered."""
    with AttachedScene(stand_in, pool, on_untick_clear=True) as scene:
        domain = both_on(scene)
        unticked(scene, domain, "bob@ad", comment="clear backup: to tape")
        if again:
            during(scene, "perform", lambda: ticked(scene, domain))
        scene.polls(5)
        assert scene.changes(domain)[1] == ("clear", BOB, "done")
        if again:
            assert scene.flag(domain) == ("True", ANNA)
        else:
            assert scene.flag(domain) == ("False", BOB)
        assert len(scene.changes(domain)) == 2 + again
        assert scene.quiet()


def test_vm_that_the_engine_does_not_know(scene):
    """VDSM refuses while it has a disk there."""
    domain = both_off(scene)
    drive = {"domainID": domain.id, "device": "disk", "name": "vda"}
    vdsm = scene.pool.vdsm
    vdsm.do(vms.run_vm, {"name": "web1", "drives": [drive]})
    try:
        ticked(scene, domain)
        scene.polls(2)
        assert scene.flag(domain) == (None, None)
        assert "VM web1" in scene.log()
        assert "it was tried and failed" in scene.row(domain).why
    finally:
        vdsm.run("cif.vmContainer.clear()")
    scene.later(60).polls()
    assert scene.flag(domain) == ("True", ANNA)
    assert actions(scene, domain) == ["set"]


def test_plugin_that_does_not_take_who(own_scene):
    """An older one: the reason says it, and that is no difference."""
    scene, vdsm = own_scene, own_scene.pool.vdsm
    vdsm.do(storage.take_no_by)
    domain = both_off(scene)
    ticked(scene, domain)
    scene.polls(2)
    assert scene.flag(domain) == ("True", "api@127.0.0.1")
    found = vdsm.get_backup(domain.id)["reason"]
    assert found == f"Backup box ticked in the engine (by {ANNA})"
    assert scene.row(domain).row == 2
    assert scene.quiet()
    assert actions(scene, domain) == ["set"]
