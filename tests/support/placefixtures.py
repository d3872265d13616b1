# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests of a domain that is found in two places share: one storage that
is mounted twice, or a copy.

    pytest_plugins = ["tests.support.placefixtures"]
"""

import os
import shutil

import pytest

A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
B = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"
WHY = ["--reason", "nightly copies & more"]


@pytest.fixture
def twice(host):
    """The second mount of the export of `host`."""
    host.domain(sd_id=A, name="data1")
    return host.add_mount("other name:_data", target=host.mount)


@pytest.fixture
def copy(host):
    """The mount of a copy of the domain, which has the same files."""
    host.domain(sd_id=A, name="data1")
    path = host.add_mount("replica:_data")
    shutil.copytree(os.path.join(host.mount, A), os.path.join(path, A))
    return path
