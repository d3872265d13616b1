# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script in place of lvm, for what lvm/command.py runs.

    pytest_plugins = ["tests.support.storage.fakelvm"]
"""

import json
import os

import pytest

from tests.unit.lvm import report_test
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm import report as lvm_report

REPORT = json.dumps({"report": [{"pv": [report_test.ROW]}]})
DEVICES = ["/dev/mapper/a"]


class FakeLvm:
    """A script in place of lvm, and the arguments of each run of it."""

    def __init__(self, path):
        self._log = path / "log"
        self.path = path / "lvm"
        self.says(f"echo '{REPORT}'")

    def says(self, *lines):
        script = [
            "#!/bin/sh",
            f"for arg; do printf '%s\\n' \"$arg\"; done >>{self._log}",
            f"echo >>{self._log}",
            *lines,
        ]
        self.path.write_text("\n".join(script) + "\n")
        self.path.chmod(0o755)

    @property
    def runs(self):
        if not self._log.exists():
            return []
        text = self._log.read_text()
        return [run.split("\n") for run in text[:-2].split("\n\n")]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    fake = FakeLvm(tmp_path)
    monkeypatch.setattr(lvm_command, "LVM", str(fake.path))
    # The tests that are about privileges do not use this fixture.
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return fake


def make_vg():
    (vg,) = lvm_report.pvs(REPORT).vgs
    return vg
