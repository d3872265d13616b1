# SPDX-License-Identifier: GPL-2.0-or-later
"""Which host, data center, engine and bridge it is, and when."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.engine_things import (
    DataCenter,
    StorageDomain,
)  # noqa: E402
from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    both_off,
    both_on,
    during,
    ticked,
    unticked,
)
from tests.support.bridge.scene import Scene  # noqa: E402
from tests.support.storage import filedomain  # noqa: E402
from vdsm_backup.metadata import lines as md_lines  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


@pytest.mark.parametrize("what", ["maintenance", "center", "spm", "no center"])
def test_17_no_host_can_change_it(scene, what):
    domain = both_off(scene)
    if what == "maintenance":
        domain.status = "maintenance"
    elif what == "center":
        scene.center.status = "not_operational"
    elif what == "spm":
        scene.spm.spm = "none"
    else:
        domain.data_center = None
    ticked(scene, domain)
    scene.polls(2)
    assert scene.row(domain).row == 17
    assert scene.row(domain).why
    domain.status, domain.data_center = "active", scene.center
    scene.center.status, scene.spm.spm = "up", "spm"
    scene.later(60).polls()
    assert scene.flag(domain) == ("True", ANNA)


def test_17_no_plugin_on_the_spm(scene):
    domain = scene.domain(POOL_UUID=scene.center.id)
    scene.polls()
    ticked(scene, domain)
    scene.polls(2)
    assert scene.flag(domain) == (None, None)
    assert scene.row(domain).why
    assert scene.puts() == 0


def test_18_pool_of_another_engine(scene):
    other = DataCenter("Other")
    domain = scene.domain(backup=True, POOL_UUID=other.id)
    scene.polls(2)
    assert scene.row(domain).row == 18
    assert scene.quiet()
    assert len(scene.told()) == 1
    assert scene.flag(domain) == (None, None)


def test_22_two_bridges(stand_in, real):
    with Scene(stand_in, real) as one, Scene(stand_in, real) as two:
        # One data center and one host are enough.
        stand_in.data_centers.remove(two.center)
        stand_in.hosts.remove(two.spm)
        domain = both_off(one)
        two.polls(2)
        ticked(one, domain)
        during(one, "perform", two.polls)
        one.polls(2)
        two.polls(2)
        assert one.flag(domain) == ("True", ANNA)
        unticked(one, domain)
        for _ in range(4):
            one.polls()
            two.polls()
        assert len(one.told()) == 1, "the same number"


def test_23_two_engines(scene):
    other = DataCenter("Other")
    domain = scene.domain(POOL_UUID=other.id)
    values = scene.host.values(domain.id)
    values.update(BACKUP="True", BACKUP_REASON="x", BACKUP_BY="a@b")
    filedomain.put(scene.host.mount, domain.id, md_lines.flush(values))
    scene.polls(2)
    assert scene.row(domain).row == 23
    assert scene.puts() == 0
    assert scene.quiet()


def test_24_moved_to_another_data_center(scene, real):
    domain = both_on(scene)
    domain.data_center = None
    scene.engine.add_event(964, domain=domain)
    scene.polls(2)
    assert scene.row(domain).row == 17
    other = DataCenter("Second")
    scene.engine.data_centers.append(other)
    scene.engine.hosts.append(real.in_engine("host9", other, spm="spm"))
    scene.spm.spm = "none"
    domain.data_center = other
    scene.engine.add_event(962, domain=domain)
    scene.polls(2)
    assert (scene.row(domain).row, scene.row(domain).data_center) == (
        2,
        "Second",
    )
    assert scene.puts() == 0


def test_25_master(scene):
    domain = both_off(scene)
    domain.master = True
    ticked(scene, domain)
    scene.polls(2)
    assert "master" in scene.row(domain).why
    domain.master = False
    scene.later(60).polls()
    assert scene.flag(domain)[0] == "True"


@pytest.mark.parametrize("kind", ["iso", "export"])
def test_28_no_data_domain(scene, kind):
    domain = StorageDomain("iso", scene.center, type=kind, backup=True)
    scene.engine.domains.append(domain)
    scene.polls(2)
    assert scene.row(domain).row == 28
    assert len(scene.told()) == 1
    assert scene.quiet()


def test_29_bridge_was_down_for_a_day(scene):
    one, two, three = (scene.domain(name) for name in ("one", "two", "three"))
    for domain in (one, three):
        scene.set(domain)
    scene.polls(2)
    assert (one.backup, two.backup, three.backup) == (True, False, True)
    scene.later(3600).compare()
    scene.stop()
    unticked(scene, one)
    ticked(scene, two, "bob@ad")
    three.backup = False
    for _ in range(500):
        scene.engine.add_event(30)
    scene.later(86_400).start()
    scene.polls(5)
    assert scene.flag(two) == ("True", "bob@ad via bridge engine1")
    assert (one.backup, three.backup) == (False, True)
    assert ["by anna@internal" in text for text in scene.told()] == [True]


@pytest.mark.parametrize("offset", [-7200_000, 7200_000])
def test_30_clocks_differ(scene, offset):
    domain = both_off(scene)
    scene.engine.edit(domain, backup=True).time += offset
    scene.polls()
    assert scene.flag(domain) == ("True", ANNA)
    scene.engine.edit(domain, backup=False).time += offset
    scene.polls(4)
    assert "unticked by anna@internal" in scene.told()[0]
