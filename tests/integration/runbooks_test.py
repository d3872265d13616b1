# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of the bad night, typed as they stand: tests/support/runbook.py"""

import importlib.util
import inspect
import os

import pytest

from tests.support import pagediff, runbook, runbook_stage
from tests.support.bridge import sshd
from tests.support.hooks.needs import (
    needs_command,
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage.blocktools import needs_block
from vdsm_backup.cli.parser import PROGRAM

SECTIONS = [
    section
    for page in runbook.PAGES
    for section in runbook.sections(runbook.read(page))
    if runbook.has_steps(section)
]
OF_HOSTS = [s for s in SECTIONS if not runbook.has_engine(s)]
OF_ENGINES = [s for s in SECTIONS if runbook.has_engine(s)]

needs_sdk = pytest.mark.skipif(
    importlib.util.find_spec("ovirtsdk4") is None,
    reason="needs ovirt-engine-sdk-python",
)


@pytest.fixture(scope="module")
def daemons():
    with runbook_stage.Daemons() as daemons:
        yield daemons


@slow_to_join
@needs_sanlock
@needs_block
@needs_other_user
@pytest.mark.parametrize("section", OF_HOSTS, ids=runbook.title)
def test_commands_say_what_the_page_shows(section, daemons):
    """If not: `make runbooks`; then read what `git diff` shows."""
    now = runbook.retyped_section(section, daemons)
    pagediff.assert_same(section, now)


@pytest.mark.skipif(os.getuid() != 0, reason="sshd needs root")
# A busy machine takes some seconds for each line.
@pytest.mark.timeout(900)
@needs_sdk
@needs_command("ssh")
@needs_command("openssl")
@needs_command(sshd.SSHD)
@pytest.mark.parametrize("section", OF_ENGINES, ids=runbook.title)
def test_commands_beside_an_engine_say_what_the_page_shows(section):
    """The same, where an engine was restored."""
    pagediff.assert_same(section, runbook.retyped_section(section))


@pytest.mark.parametrize(
    "of", [OF_HOSTS, pytest.param(OF_ENGINES, marks=needs_sdk)]
)
def test_all_that_can_happen_happens(of):
    assert of
    stage = runbook.stage_class(of[0])
    known = {
        name
        for name, _ in inspect.getmembers(stage, inspect.isfunction)
        if not name.startswith("_")
    }
    happens = {event for section in of for event in runbook.events(section)}
    # A stage that is made of another one has more than it needs.
    own = {name for name in known if name in vars(stage)}
    assert own - {"close", "types"} <= happens <= known


def test_each_section_types_commands_of_ours():
    for section in SECTIONS:
        found = " ".join(runbook.commands(section))
        title = runbook.title(section)
        assert PROGRAM in found or "99_vdsm_backup" in found, title
