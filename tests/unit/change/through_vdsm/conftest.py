# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support import world
from tests.support.vdsm.changing import Vdsm


@pytest.fixture
def storage():
    return world.make(POOL_UUID=world.POOL)


@pytest.fixture
def vdsm(storage):
    return Vdsm(storage)


@pytest.fixture
def ours(tmp_path):
    return world.World(tmp_path)
