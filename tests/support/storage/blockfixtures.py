# SPDX-License-Identifier: GPL-2.0-or-later
"""
Fixtures of the tests that need block domains.

    pytest_plugins = ["tests.support.storage.blockfixtures"]
"""

import contextlib

import pytest

from tests.support.storage import loop
from tests.support.storage.blockdomain import BlockDomain


@pytest.fixture(scope="module")
def block_dir():
    """A directory for domains; all lvm in this process is ours alone."""
    with loop.own_directory() as path:
        yield path


@pytest.fixture
def block_domain(block_dir):
    with contextlib.closing(BlockDomain(block_dir)) as domain:
        yield domain


@pytest.fixture(scope="module")
def shared_block_domain(block_dir):
    """For tests that leave it whole; flagged or not, who knows."""
    with contextlib.closing(BlockDomain(block_dir)) as domain:
        yield domain
