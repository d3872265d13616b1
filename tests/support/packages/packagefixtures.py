# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures of the tests of packages.

    pytest_plugins = ["tests.support.packages.packagefixtures"]
"""

import pytest

from tests.support.packages import building
from tests.support.packages.machine import Machine


@pytest.fixture(scope="session")
def source_tree(tmp_path_factory):
    """The packages of this working tree."""
    return building.source(tmp_path_factory, "this")


@pytest.fixture(scope="session")
def next_source_tree(tmp_path_factory):
    """
    Those of a next version: with another default in its configuration file,
    and one more module.
    """
    return building.source(tmp_path_factory, "next", _next)


def _next(source):
    version = source.version
    source.edit(
        "vdsm_backup/__init__.py",
        f'__version__ = "{version}"',
        f'__version__ = "{version}.1"',
    )
    source.edit(
        "contrib/vdsm-backup.conf", "io_timeout = 30", "io_timeout = 9"
    )
    with open(source.path("vdsm_backup", "new.py"), "w") as f:
        f.write("")


@pytest.fixture
def scratch_machine():
    """One without our packages."""
    with Machine() as machine:
        yield machine
