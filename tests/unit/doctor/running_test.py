# SPDX-License-Identifier: GPL-2.0-or-later
"""VDSM and the daemons of this host."""

import pytest

from tests.support.doctoring import states
from tests.support.host import vdsmlike
from vdsm_backup import config
from vdsm_backup.doctor import checks, running
from vdsm_backup.host import vdsm_client


@pytest.fixture
def options(host):
    return config.load(host.config)


@pytest.mark.parametrize(
    "answer, state",
    [
        (True, checks.OK),
        (False, checks.BAD),
        (vdsm_client.Unreachable("refused"), checks.NOTE),
        (vdsm_client.Unanswered("late"), checks.NOTE),
    ],
)
def test_plugin(options, monkeypatch, answer, state):
    monkeypatch.setattr(vdsm_client, "Vdsm", vdsmlike.Vdsm)
    monkeypatch.setattr(vdsmlike.Vdsm, "answer", answer)
    assert states(running.plugin(options)) == [state]


def test_sanlock_and_journal(tmp_path):
    there = tmp_path / "socket"
    there.write_text("")
    assert states(running.journald(str(there))) == [checks.OK]
    assert states(running.journald(str(tmp_path / "none"))) == [checks.NOTE]
    assert states(running.sanlock(str(tmp_path / "none"))) == [checks.BAD]
    if running.importlib.util.find_spec("sanlock"):
        assert states(running.sanlock(str(there))) == [checks.OK]
