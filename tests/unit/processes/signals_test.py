# SPDX-License-Identifier: GPL-2.0-or-later
"""
A caller that ignores SIGCHLD: what it starts inherits that, and a command that
failed would have succeeded.
"""

import re
import sys

import pytest

from tests.support import programs
from tests.support.processes import exit_codes, ignoring

CALLER = [sys.executable, ignoring.__file__]


@pytest.mark.parametrize("caller", [[], CALLER], ids=["plain", "ignoring"])
@pytest.mark.parametrize(
    "program, says",
    [
        ("cli", lambda done: done.returncode),
        ("hook", lambda done: int(re.search(": ([0-9]+) ", done.stderr)[1])),
        ("child", lambda done: int(done.stdout)),
    ],
    ids=["cli", "hook", "child"],
)
def test_exit_code_of_a_child(caller, program, says):
    done = programs.run(exit_codes.__name__, program, inside=caller)
    assert says(done) == exit_codes.CODE
