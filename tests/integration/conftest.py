# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.storage import hangfs
from tests.support.storage.backends import BACKENDS

# Before a test imports them.
pytest.register_assert_rewrite(
    "tests.integration.lease", "tests.support.clifixtures"
)


@pytest.fixture(params=BACKENDS)
def backend(request):
    """[storage] ioprocess."""
    return request.param


@pytest.fixture
def hang():
    with hangfs.Hangfs() as fs:
        yield fs
