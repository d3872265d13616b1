# SPDX-License-Identifier: GPL-2.0-or-later
"""
The campaign finds a product that is broken: a copy of the tree, with a line
at the end of a module that takes a promise away.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests import ROOT
from tests.support import programs
from tests.support.hooks.needs import needs_fuse
from tests.support.storage.blocktools import needs_block

# Of one seed, so that the same cases find it each time.
SEED = "1"

# (module, lines, the first and the last of the cases, of which one finds it;
# from the first one of the seed it takes 1, 15 and 71)
BREAKS = {
    # Each alone is made good by the other.
    "no compare before the rename, nor after it": (
        "storage/replacement.py",
        "assert Replacement._compare and Overwritten.lines\n"
        "Replacement._compare = lambda self, old: None\n"
        "Overwritten.lines = lambda self, old: None\n",
        (1, 10),
    ),
    "no fence": (
        "storage/replacement.py",
        "assert Replacement._take_away_others\n"
        "Replacement._take_away_others = lambda self, *args: []\n",
        (12, 80),
    ),
    "done without reading back": (
        "change/write.py",
        "_run = run\n"
        "def run(storage, old, new, *args):\n"
        "    with contextlib.suppress(Unsettled):\n"
        "        return _run(storage, old, new, *args)\n"
        "    return new\n",
        (68, 100),
    ),
}

pytestmark = [
    pytest.mark.slow("cases run until one is wrong"),
    needs_fuse,
    needs_block,
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the product and its tests."""
    top = tmp_path_factory.mktemp("broken")
    for name in ("vdsm_backup", "tests"):
        shutil.copytree(
            os.path.join(ROOT, name),
            top / name,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    return top


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_product_is_found(tree, name):
    module, lines, cases = BREAKS[name]
    path = tree / "vdsm_backup" / module
    well = path.read_text()
    path.write_text(f"{well}\n\n{lines}")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.campaign", "held"]
            + [*map(str, cases), "--until-wrong"],
            cwd=tree,
            env={**programs.environ({"SEED": SEED}), "PYTHONPATH": str(tree)},
            capture_output=True,
            text=True,
        )
    finally:
        path.write_text(well)
    print(done.stdout)
    assert done.returncode == 1, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert len(figures["wrong"]) == 1
    # And not because the lines do not fit the module any more.
    assert "no answer" not in figures["wrong"][0]
    assert "Traceback" not in figures["wrong"][0]
