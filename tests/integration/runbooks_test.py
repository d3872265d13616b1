# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of the bad night, typed as they stand: tests/support/runbook.py"""

import inspect

import pytest

from tests.support import pagediff, runbook, runbook_stage
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage.blocktools import needs_block
from vdsm_backup.cli.parser import PROGRAM

SECTIONS = [
    pytest.param(section, id=runbook.title(section))
    for page in runbook.PAGES
    for section in runbook.sections(runbook.read(page))
    if runbook.has_steps(section)
]


@pytest.fixture(scope="module")
def daemons():
    with runbook_stage.Daemons() as daemons:
        yield daemons


@slow_to_join
@needs_sanlock
@needs_block
@needs_other_user
@pytest.mark.parametrize("section", SECTIONS)
def test_commands_say_what_the_page_shows(section, daemons):
    """If not: `make runbooks`; then read what `git diff` shows."""
    now = runbook.retyped_section(section, daemons)
    pagediff.assert_same(section, now)


def test_all_that_can_happen_happens():
    known = {
        name
        for name, _ in inspect.getmembers(
            runbook_stage.Stage, inspect.isfunction
        )
        if not name.startswith("_")
    }
    happens = {
        event
        for param in SECTIONS
        for event in runbook.events(param.values[0])
    }
    assert known - {"close", "types"} == happens


def test_each_section_types_commands_of_ours():
    for param in SECTIONS:
        found = " ".join(runbook.commands(param.values[0]))
        assert PROGRAM in found or "99_vdsm_backup" in found, param.id
