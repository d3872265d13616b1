# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole round of docs/bridge.md, typed as it stands: round_stage.py"""

import inspect
import os

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from tests.support import pagediff, runbook  # noqa: E402
from tests.support.bridge import round_stage, sshd  # noqa: E402
from tests.support.hooks.needs import needs_command  # noqa: E402

PAGE = "docs/bridge.md"

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root"),
    # Of a machine that has other things to do: some seconds for each line.
    pytest.mark.timeout(900),
    needs_command("ssh"),
    needs_command("openssl"),
    needs_command(sshd.SSHD),
]


@pytest.fixture(scope="module")
def typed():
    """(the page with what its commands say now, {engine: events added})"""
    with round_stage.Stage() as stage:
        page = runbook.typed(runbook.read(PAGE), stage)
        told = {name: side.told() for name, side in stage.sides.items()}
    return page, told


def test_commands_say_what_the_page_shows(typed):
    """If not: `make bridge`; then read what `git diff` shows."""
    pagediff.assert_same(runbook.read(PAGE), typed[0])


def test_reports_are_events_in_the_engine_too(typed):
    """Each once, and the second engine has nothing to report."""
    lines = runbook.read(PAGE).splitlines()
    first, second = typed[1]["engine1"], typed[1]["engine2"]
    assert len(first) == 2 and second == []
    for text in first:
        assert lines.count(text) == 1


def test_all_that_can_happen_happens():
    known = {
        name
        for name, _ in inspect.getmembers(
            round_stage.Stage, inspect.isfunction
        )
        if not name.startswith("_")
    }
    happens = set(runbook.events(runbook.read(PAGE)))
    assert known - {"close", "types"} == happens
