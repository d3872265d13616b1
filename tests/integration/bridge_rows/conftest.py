# SPDX-License-Identifier: GPL-2.0-or-later
import pytest


@pytest.fixture(scope="module")
def real():
    from tests.support.bridge.scene import RealHost

    with RealHost(bridge_allow="show, list, set, clear") as made:
        yield made


@pytest.fixture
def scene(stand_in, real):
    from tests.support.bridge.scene import Scene

    with Scene(stand_in, real) as made:
        yield made
