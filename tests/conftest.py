# SPDX-License-Identifier: GPL-2.0-or-later
import os

from tests.support import stale


def pytest_sessionstart(session):
    # Other users use what tests make. What depends on it sets its own.
    os.umask(0o022)
    stale.clean()
