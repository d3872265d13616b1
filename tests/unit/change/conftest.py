# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.world import World


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "history")
