# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/tutorial.md, typed as it stands."""

import os
import subprocess
import sys

from tests import ROOT
from tests.support import console, pagediff
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage.blocktools import needs_block

PAGE = os.path.join(ROOT, "docs", "tutorial.md")


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def test_the_page_says_whose_configuration_it_is():
    """Without --config a command works on the storage of the machine."""
    ours = [c for c in console.commands(read(PAGE)) if "backup-domain " in c]
    assert len(ours) > 5
    for command in ours:
        known = "vdsm-backup-domain --config demo.conf "
        assert command.startswith((known, "vdsm-backup-domain explain "))


@slow_to_join
@needs_sanlock
@needs_block
@needs_other_user
def test_commands_say_what_the_page_shows(tmp_path):
    """If not: `make tutorial`."""
    made = tmp_path / "tutorial.md"
    script = os.path.join(ROOT, "contrib", "make-tutorial")
    done = subprocess.run(
        [sys.executable, script, made],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pagediff.assert_same(console.alike(read(PAGE)), console.alike(read(made)))
