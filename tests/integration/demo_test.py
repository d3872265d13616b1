# SPDX-License-Identifier: GPL-2.0-or-later
"""`make demo`, which is the first thing that README.md tells to run."""

import os
import subprocess

from tests import ROOT
from tests.support.hooks.needs import needs_sanlock, slow_to_join

pytestmark = [
    slow_to_join,
    needs_sanlock,
]


def test_demo():
    done = subprocess.run(
        [os.path.join(ROOT, "contrib", "demo")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a backup domain now." in done.stdout
    assert "(exit code 4)" in done.stdout
    assert done.stdout.endswith("All that was made is removed.\n")
