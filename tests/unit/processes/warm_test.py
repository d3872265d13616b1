# SPDX-License-Identifier: GPL-2.0-or-later
"""The children that tests/support/processes/warm.py gives to commands."""

import json
import os

from tests.support.asuser import as_user
from tests.support.hooks.needs import needs_other_user
from tests.support.processes import warm
from vdsm_backup.processes import spawn


def probe():
    output, theirs = os.pipe()
    with warm.children(), open(output) as said:
        child = spawn.start("tests.support.processes.probe", stdout=theirs)
        os.close(theirs)
        found = json.loads(said.read())
        assert child.wait() == 0
    return found


def test_one_interpreter_forks_them():
    parents = {probe()["parent"] for _ in range(3)}
    assert len(parents) == 1 and os.getpid() not in parents
    assert spawn.warm is None


def test_what_changes_here_is_inherited(monkeypatch):
    first = probe()
    monkeypatch.setenv("VDSM_BACKUP_TEST", "of a test")
    found = probe()
    assert found["environ"].pop("VDSM_BACKUP_TEST") == "of a test"
    assert found["parent"] != first["parent"]
    assert "VDSM_BACKUP_TEST" not in first["environ"]


def test_the_umask_is_inherited():
    before = os.umask(0o077)
    try:
        assert probe()["umask"] == 0o077
    finally:
        os.umask(before)
    assert probe()["umask"] == before


@needs_other_user
def test_the_user_is_inherited():
    """As of a command that was started as root."""
    with as_user(36, 36):
        ids = probe()["ids"]
    assert ids == [0, 36, 36, 0, 36, 36]
    assert probe()["ids"] == [0] * 6
