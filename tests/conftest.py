# SPDX-License-Identifier: GPL-2.0-or-later
from tests.support import stale


def pytest_sessionstart(session):
    stale.clean()
