# SPDX-License-Identifier: GPL-2.0-or-later
"""Where permits are."""

import pytest


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "permits"
    path.mkdir(mode=0o755)
    return str(path)
