# SPDX-License-Identifier: GPL-2.0-or-later
"""
The journal of tests in this process is a list.

    pytest_plugins = ["tests.support.journalentries"]
"""

import pytest

from vdsm_backup.host import journal


@pytest.fixture
def entries(monkeypatch):
    """What the journal is told: message, priority, and fields by name."""
    found = []

    def send(message, priority, **fields):
        found.append({"message": message, "priority": priority, **fields})
        return True

    monkeypatch.setattr(journal, "send", send)
    return found
