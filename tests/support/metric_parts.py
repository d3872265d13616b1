# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host whose hooks, plugin and journal say what a test wants, for `metrics`.

    pytest_plugins = ["tests.support.metric_parts"]
"""

import pytest

from vdsm_backup.doctor import checks, hook_scripts, running
from vdsm_backup.host import journalctl

POINTS = [*hook_scripts.POINTS, hook_scripts.LIBVIRT_POINT]


class Parts:
    """What the parts of the host say that are not ours to make."""

    def __init__(self):
        self.hooks = [checks.Finding("h", checks.OK, "t") for _ in POINTS]
        self.plugin = checks.Finding("plugin", checks.OK, "VDSM has it")
        self.journal = journalctl.Reading([], 1.0, [])
        self.asked = None

    def read(self, uids, since):
        self.asked = uids, since
        return self.journal


@pytest.fixture
def parts(monkeypatch):
    parts = Parts()
    monkeypatch.setattr(hook_scripts, "check", lambda user: iter(parts.hooks))
    monkeypatch.setattr(running, "plugin", lambda *args: iter([parts.plugin]))
    monkeypatch.setattr(journalctl, "read", parts.read)
    return parts
