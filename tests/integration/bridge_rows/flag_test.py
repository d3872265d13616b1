# SPDX-License-Identifier: GPL-2.0-or-later
"""The box is on, and what becomes of the flag."""

import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support.bridge.rows import (  # noqa: E402
    ANNA,
    MARKS,
    UNKNOWN,
    both_off,
    both_on,
    ticked,
    unticked,
)
from tests.support.storage import filedomain  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


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


def test_4_metadata_of_before_the_first_flag_are_written_back(scene):
    """Each time it is told, and set again."""
    domain = both_off(scene)
    before = scene.host.bytes(domain.id)
    ticked(scene, domain)
    scene.polls(2)
    for count in (1, 2):
        filedomain.put_bytes(scene.host.mount, domain.id, before)
        scene.compare()
        assert scene.flag(domain) == ("True", UNKNOWN)
        assert len(scene.told()) == count
        assert "wrote old metadata back" in scene.told()[-1]
    assert scene.quiet()


def test_5_cleared_and_then_written_back_to_never(scene):
    """What a person has done counts, though storage says nothing of it."""
    domain = both_off(scene)
    before = scene.host.bytes(domain.id)
    ticked(scene, domain)
    scene.polls(2)
    scene.clear(domain)
    scene.compare()
    filedomain.put_bytes(scene.host.mount, domain.id, before)
    scene.compare()
    assert scene.row(domain).row == 5
    assert scene.quiet()
    assert (scene.flag(domain), domain.backup) == ((None, None), True)
    assert len(scene.told()) == 1
    unticked(scene, domain)
    scene.polls(4)
    ticked(scene, domain)
    scene.polls(3)
    assert scene.flag(domain) == ("True", ANNA)
    assert len(scene.told()) == 1


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
