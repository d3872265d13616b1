# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is remembered no longer fits: a domain is gone, an engine was restored,
a clock went back.
"""

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

pytest_plugins = ["tests.support.bridge.fixtures"]


def test_domain_that_is_gone_is_forgotten(scene):
    one = scene.domain(flag=True)
    scene.polls(2)
    scene.engine.domains.remove(one)
    scene.compare()
    assert (scene.bridge.rows, scene.saved()["domains"]) == ({}, {})


def test_restored_engine(scene):
    """An old box, and indexes that come once more."""
    one = scene.domain(backup=True, flag=True)
    for _ in range(20):
        scene.engine.add_event(30)
    scene.polls(3)
    scene.engine.restore(15)
    one.backup = False
    for _ in range(30):
        scene.engine.edit(one, comment="x")
    scene.polls(2)
    assert one.backup
    assert scene.told() == []


@pytest.mark.parametrize("seconds", [-10_000, -100])
def test_clock_that_goes_back(scene, seconds):
    one = scene.domain()
    scene.polls(2)
    scene.later(seconds)
    scene.engine.edit(one, backup=True)
    scene.polls()
    assert scene.flag(one) is True
    two = scene.domain("two", backup=True)
    scene.compare()
    assert scene.flag(two) is True
