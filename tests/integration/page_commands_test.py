# SPDX-License-Identifier: GPL-2.0-or-later
"""
The commands of the product that the pages show, typed at a shell, page by
page. Each ends as it should, on a domain with real leases.
"""

import os

import pytest

from tests.support import pagecommands
from tests.support.clifixtures import A
from tests.support.hooks import vmxml
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.night import Night
from vdsm_backup.cli.parser import PROGRAM

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = [slow_to_join, needs_sanlock, needs_other_user]

# Exit codes other than 0 of a command that does what its page says.
EXPECTED = {
    # The README has flagged it before.
    ("README.md", "check SD"): {4},
    # So has this one, as told.
    ("docs/operations.md", "check SD"): {4},
    # It is about a domain that was changed here, and this one was not.
    ("docs/errors.md", "restore SD"): {1},
}
# This host is none of VDSM, and may have no journal.
ANYWHERE = {"doctor": {1, 3}, "log": {0, 3}, "metrics": {0, 3}}


def ours(page):
    found = [*pagecommands.said(page), *pagecommands.typed(page)]
    for command in found:
        # A name of a command is told, too.
        if command.startswith(f"{PROGRAM} ") and len(command.split()) > 1:
            yield command


PAGES = [page for page in pagecommands.PAGES if any(ours(page))]


def test_there_are_some():
    assert {"README.md", "docs/usage.md", "docs/guard.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page(page, leased, directory):
    leased.configure(settle=0)
    sd_id = leased.domain(sd_id=A, name="backups-nfs")
    image = os.path.join(leased.mount, sd_id, "images", vmxml.IMAGE, "disk")
    vm = os.path.join(directory, "vm.xml")
    with open(vm, "wb") as f:
        f.write(vmxml.vm(vmxml.disk(image)))
    night = Night(directory, page, "")
    night.on(leased)
    for command in ours(page):
        file = vm if "--domxml" in command else "copy.json"
        line = pagecommands.filled(command, FILE=file)
        done = night.types(line, cwd=directory)
        name, _, rest = command[len(PROGRAM) + 1 :].partition(" ")
        expected = EXPECTED.get((page, f"{name} {rest}".strip()))
        expected = expected or ANYWHERE.get(name, {0})
        if done.returncode == 2 and not rest:
            # What it takes was not told.
            continue
        assert done.returncode in expected, night.text()
