# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.logged import Journal
from vdsm_backup.host import journalctl


@pytest.fixture
def journal(monkeypatch):
    journal = Journal()
    monkeypatch.setattr(journalctl, "read", journal.read)
    return journal
