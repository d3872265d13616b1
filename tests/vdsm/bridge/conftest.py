# SPDX-License-Identifier: GPL-2.0-or-later
import pytest


@pytest.fixture(scope="module")
def pool():
    from tests.support.bridge.attached import LocalPool

    with LocalPool(bridge_allow="show, list, set, clear") as made:
        yield made


@pytest.fixture
def own_pool():
    """A VDSM to which a test does what others would not like."""
    from tests.support.bridge.attached import LocalPool

    with LocalPool() as made:
        yield made


@pytest.fixture
def scene(stand_in, pool):
    from tests.support.bridge.attached import AttachedScene

    with AttachedScene(stand_in, pool) as made:
        yield made


@pytest.fixture
def own_scene(stand_in, own_pool):
    from tests.support.bridge.attached import AttachedScene

    with AttachedScene(stand_in, own_pool) as made:
        yield made
