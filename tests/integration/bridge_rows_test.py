# SPDX-License-Identifier: GPL-2.0-or-later
"""
Each row of the table of docs/bridge.md through the whole: the stand-in engine
by the real SDK, a real sshd, the real agent, and the real command line.

What decides is tested by itself (tests/unit/bridge/decide). Here each row is
reached by what people do, and judged by what is on storage, what box the
engine has, and what people were told.
"""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge import sshd  # noqa: E402
from tests.support.bridge.engine_things import (  # noqa: E402
    DataCenter,
    StorageDomain,
)
from tests.support.bridge.scene import RealHost, Scene  # noqa: E402
from tests.support.hooks.needs import needs_command  # noqa: E402
from tests.support.storage import filedomain  # noqa: E402
from vdsm_backup.metadata import lines as md_lines  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root"),
    pytest.mark.slow,
    needs_command("ssh"),
    needs_command(sshd.SSHD),
]

ANNA = "anna@internal via bridge engine1"
UNKNOWN = "engine@localhost via bridge engine1"


@pytest.fixture(scope="module")
def real():
    with RealHost(bridge_allow="show, list, set, clear") as made:
        yield made


@pytest.fixture
def scene(stand_in, real):
    with Scene(stand_in, real) as made:
        yield made


def both_on(scene):
    domain = scene.domain(backup=True)
    scene.set(domain)
    scene.polls(2)
    assert scene.row(domain).row == 2
    return domain


def both_off(scene):
    domain = scene.domain()
    scene.polls(2)
    assert scene.row(domain).row == 1
    return domain


def ticked(scene, domain, user="anna@internal"):
    scene.engine.edit(domain, user, backup=True)


def unticked(scene, domain, user="anna@internal", **more):
    scene.engine.edit(domain, user, backup=False, **more)


def test_1_both_off(scene):
    domain = both_off(scene)
    assert scene.quiet()
    assert scene.flag(domain) == (None, None)


def test_2_both_on_and_the_reason_stays(scene):
    domain = both_on(scene)
    before = scene.host.bytes(domain.id)
    scene.engine.edit(domain, comment="other words")
    scene.polls(2)
    assert scene.quiet()
    assert scene.host.bytes(domain.id) == before


def test_3_tick_to_flag(scene):
    domain = both_off(scene)
    ticked(scene, domain)
    scene.polls()
    assert scene.flag(domain) == ("True", ANNA)
    assert scene.quiet()
    assert scene.told() == []


def test_3_tick_without_an_event(scene):
    domain = both_off(scene)
    domain.backup = True
    scene.polls()
    assert scene.flag(domain) == (None, None)
    scene.compare()
    assert scene.flag(domain) == ("True", UNKNOWN)


def test_4_old_state_is_written_back(scene):
    domain = both_off(scene)
    scene.set(domain)
    scene.clear(domain)
    scene.compare()
    ticked(scene, domain)
    before = scene.host.bytes(domain.id)
    scene.polls()
    assert scene.flag(domain) == ("True", ANNA)
    scene.polls()
    filedomain.put_bytes(scene.host.mount, domain.id, before)
    scene.compare()
    assert scene.flag(domain)[0] == "True"
    assert "wrote old metadata back" in scene.told()[0]


def test_5_cleared_while_the_box_is_on(scene):
    domain = both_on(scene)
    scene.clear(domain)
    scene.compare()
    assert scene.row(domain).row == 5
    assert "was cleared by somebody" in scene.told()[0]
    assert scene.quiet()
    assert (scene.flag(domain)[0], domain.backup) == ("False", True)


def test_6_ticked_anew_after_a_clear(scene):
    domain = both_on(scene)
    scene.clear(domain)
    scene.compare()
    unticked(scene, domain)
    scene.polls(4)
    ticked(scene, domain)
    scene.polls(3)
    assert scene.flag(domain) == ("True", ANNA)


def test_7_state_is_lost(scene):
    domain = both_on(scene)
    scene.clear(domain)
    scene.restart(lose_state=True)
    scene.polls()
    assert scene.row(domain).row == 7
    scene.polls(3)
    assert len(scene.told()) == 1
    assert scene.flag(domain)[0] == "False"


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


def test_15_flag_cannot_be_read(scene):
    domain = both_on(scene)
    filedomain.put_bytes(scene.host.mount, domain.id, b"VERSION=5\n")
    scene.compare()
    assert scene.row(domain).row == 15
    assert scene.told() == []
    scene.later(1000).polls()
    assert "cannot be read" in scene.told()[0]
    assert scene.quiet()


def test_16_flag_cannot_be_read_and_the_box_is_off(scene):
    domain = both_off(scene)
    filedomain.put_bytes(scene.host.mount, domain.id, b"VERSION=5\n")
    scene.compare()
    assert scene.row(domain).row == 16
    assert scene.quiet()


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


def during(scene, method, action):
    """Do this once, right before the next act of this name."""
    real = getattr(scene.bridge._acts, method)

    def act(*args):
        setattr(scene.bridge._acts, method, real)
        action()
        return real(*args)

    setattr(scene.bridge._acts, method, act)


def test_19_ticked_while_the_flag_is_lowered(stand_in, real):
    with Scene(stand_in, real, on_untick_clear=True) as scene:
        domain = both_on(scene)
        unticked(scene, domain, comment="clear backup")
        during(scene, "perform", lambda: ticked(scene, domain, "bob@ad"))
        scene.polls(5)
        assert scene.flag(domain) == ("True", "bob@ad via bridge engine1")
        assert domain.backup


def test_20_unticked_while_the_flag_is_raised(scene):
    domain = both_off(scene)
    ticked(scene, domain)
    during(scene, "perform", lambda: unticked(scene, domain, "bob@ad"))
    scene.polls(5)
    assert (scene.flag(domain), domain.backup) == (("True", ANNA), False)
    assert "unticked by bob@ad" in scene.told()[0]


def test_21_cleared_while_the_box_is_ticked(scene):
    domain = scene.domain()
    scene.set(domain)
    during(scene, "perform", lambda: scene.clear(domain))
    scene.polls(3)
    scene.compare()
    assert (scene.flag(domain)[0], domain.backup) == ("False", True)
    assert "was cleared by somebody" in scene.told()[0]


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


def test_26_flagged_master(scene):
    domain = scene.domain()
    domain.master = True
    scene.set(domain)
    scene.polls(2)
    assert domain.backup
    assert "Make another domain the master" in scene.told()[0]


def test_27_domain_of_the_hosted_engine(scene, monkeypatch):
    domain = both_off(scene)
    conf = "/etc/ovirt-hosted-engine/hosted-engine.conf"
    if os.path.exists(conf):
        pytest.skip(f"{conf} is here")
    os.makedirs(os.path.dirname(conf))
    try:
        with open(conf, "w") as f:
            f.write(f"sdUUID={domain.id}\n")
        ticked(scene, domain)
        scene.polls(2)
    finally:
        os.remove(conf)
        os.rmdir(os.path.dirname(conf))
    assert scene.row(domain).row == 27
    assert "the engine's own VM" in scene.told()[0]
    assert scene.quiet()


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
