# SPDX-License-Identifier: GPL-2.0-or-later
"""The flag is on, and what becomes of the box."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    both_off,
    both_on,
    unticked,
)
from tests.support.bridge.scene import Scene  # noqa: E402
from tests.support.storage import filedomain  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


def test_8_import_by_a_second_engine(scene):
    domain = scene.domain()
    scene.set(domain)
    before = scene.host.bytes(domain.id)
    scene.polls()
    assert domain.backup
    assert scene.quiet()
    assert scene.host.bytes(domain.id) == before


def test_9_off_without_an_event(scene):
    domain = both_on(scene)
    domain.backup = False
    scene.compare()
    scene.polls(2)
    assert domain.backup
    scene.polls(2)
    domain.backup = False
    scene.compare()
    scene.polls(4)
    assert not domain.backup
    assert "unticked" in scene.told()[0]
    assert scene.flag(domain)[0] == "True"


def test_10_untick(scene):
    domain = both_on(scene)
    unticked(scene, domain)
    scene.polls(4)
    assert (scene.flag(domain)[0], domain.backup) == ("True", False)
    (text,) = scene.told()
    assert "unticked by anna@internal; the flag stays" in text
    assert "on host host1: vdsm-backup-domain clear" in text
    assert scene.quiet()


def test_10_untick_with_the_word(stand_in, real):
    with Scene(stand_in, real, on_untick_clear=True) as scene:
        domain = both_on(scene)
        unticked(scene, domain, comment="Clear backup: site B is closed")
        scene.polls(4)
        assert scene.flag(domain) == ("False", ANNA)
        assert not domain.backup
        values = scene.host.values(domain.id)
        assert values["BACKUP_REASON"] == "site B is closed"
        assert scene.quiet()


def test_11_stale_dialog(scene):
    domain = scene.domain()
    scene.set(domain)
    scene.polls(3)
    assert domain.backup
    unticked(scene, domain)
    scene.polls(4)
    assert domain.backup, "once"
    unticked(scene, domain)
    scene.polls(4)
    assert not domain.backup
    assert "unticked by anna@internal" in scene.told()[0]


def test_12_edit_of_another_bridge(scene):
    domain = both_on(scene)
    domain.backup = False
    scene.engine.add_event(
        958, user="b@internal", domain=domain, correlation="vdsm-backup-x"
    )
    scene.polls(4)
    assert domain.backup


def test_13_several(scene):
    domain = both_on(scene)
    unticked(scene, domain)
    scene.engine.edit(domain, "bob@ad", comment="x")
    scene.polls(4)
    assert "by one of anna@internal, bob@ad" in scene.told()[0]
    assert scene.flag(domain)[0] == "True"


@pytest.mark.parametrize("first", ["box", "flag"])
def test_14_untick_to_clear_in_either_order(scene, first):
    domain = both_on(scene)
    steps = [lambda: unticked(scene, domain), lambda: scene.clear(domain)]
    for step in steps if first == "box" else steps[::-1]:
        step()
        scene.polls(4)
        scene.compare()
    assert (scene.flag(domain)[0], domain.backup) == ("False", False)
    assert scene.quiet()
    assert scene.row(domain).why == ""


def test_26_flagged_master(scene):
    domain = scene.domain()
    domain.master = True
    scene.set(domain)
    scene.polls(2)
    assert domain.backup
    assert "Make another domain the master" in scene.told()[0]


def test_27_the_engine_refuses_to_tick_the_box(scene):
    """As it does for the domain of its own VM, which always runs."""
    domain = both_off(scene)
    scene.set(domain)
    domain.vm_runs = True
    scene.compare()
    scene.later(60).polls(2)
    assert scene.told() == []
    scene.later(300).polls(2)
    (text,) = scene.told()
    assert "refuses to tick its Backup box: error 9684" in text
    assert "disks which are attached to running VMs" in text
    assert (scene.row(domain).row, domain.backup) == (27, False)
    for _ in range(5):
        scene.later(1800).polls(2)
    assert len(scene.told()) == 1
    domain.vm_runs = False
    scene.later(1800).polls()
    assert domain.backup


def test_31_set_on_a_host(scene):
    domain = both_off(scene)
    scene.set(domain)
    domain.vm_runs = True
    scene.compare()
    assert not domain.backup
    assert "409" in scene.log()
    domain.vm_runs = False
    scene.later(60).polls()
    assert domain.backup
    assert scene.told() == []


def test_31_set_on_a_host_after_an_untick(scene):
    """The untick is over, though the bridge has not seen the flag off."""
    domain = both_on(scene)
    unticked(scene, domain)
    scene.polls(4)
    assert scene.row(domain).row == 10
    scene.stop()
    scene.clear(domain)
    scene.set(domain)
    scene.start()
    scene.polls(2)
    assert (scene.flag(domain)[0], domain.backup) == ("True", True)
    assert len(scene.told()) == 1


def test_32_destroyed_and_imported_again(scene):
    domain = both_on(scene)
    scene.engine.domains.remove(domain)
    scene.compare()
    domain.backup = False
    scene.engine.domains.append(domain)
    scene.engine.add_event(956, domain=domain)
    scene.polls(2)
    assert domain.backup


def test_33_replica(scene):
    domain = scene.domain()
    scene.set(domain)
    path = filedomain.path(scene.host.mount, domain.id)
    # Another inode: the directory was copied.
    ids = os.path.join(os.path.dirname(path), "ids")
    os.rename(ids, ids + ".old")
    with open(ids + ".old", "rb") as old, open(ids, "wb") as new:
        new.write(old.read())
    os.remove(ids + ".old")
    os.chmod(ids, 0o660)
    scene.polls(2)
    assert domain.backup
    assert "it is a replica or a copy" in scene.told()[0]
