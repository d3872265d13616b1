# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody changes one side while a bridge changes the other."""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

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

pytest_plugins = ["tests.support.bridge.fixtures"]

pytestmark = MARKS


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
