# SPDX-License-Identifier: GPL-2.0-or-later
"""
A permissive main file and the directory of its drop-ins.

    pytest_plugins = ["tests.support.configfixtures"]
"""

import pytest

ENFORCING = "[guard]\nmode = enforcing\n"
PERMISSIVE = "[guard]\nmode = permissive\n"


@pytest.fixture
def main(tmp_path):
    path = tmp_path / "vdsm-backup.conf"
    path.write_text(PERMISSIVE)
    return path


@pytest.fixture
def drop_ins(tmp_path):
    path = tmp_path / "conf.d"
    path.mkdir()
    return path
