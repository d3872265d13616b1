# SPDX-License-Identifier: GPL-2.0-or-later
"""The source tree as a whole."""

import ast
import collections
import glob
import os
import re
import subprocess
import sys

import pytest

import vdsm_backup
from tests import ROOT

SPDX = "SPDX-License-Identifier: GPL-2.0-or-later"

# Licensed by what it says itself, or data that cannot hold a comment.
WITHOUT_SPDX = {"LICENSE", ".json", ".png"}
NOT_OURS = re.compile(
    r"^(\.git|\.venv|\.tox|\..*_cache|\.hypothesis|\.coverage.*"
    r"|__pycache__|.*\.egg-info|build|dist|htmlcov)$"
)


def sources():
    for top, dirs, names in os.walk(ROOT):
        dirs[:] = [d for d in dirs if not NOT_OURS.match(d)]
        for name in names:
            # In a worktree of git .git is a file.
            if not NOT_OURS.match(name):
                yield os.path.relpath(os.path.join(top, name), ROOT)


def test_every_file_says_its_license():
    without = []
    for path in sources():
        if {os.path.basename(path), os.path.splitext(path)[1]} & WITHOUT_SPDX:
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as f:
            head = [f.readline() for _ in range(2)]
        if SPDX not in "".join(head):
            without.append(path)
    assert without == []


def test_setup_knows_the_version():
    pytest.importorskip("setuptools")
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split()[-1] == vdsm_backup.__version__


def test_shared_fixtures_have_names_of_their_own():
    """
    A file of fixtures that one test file names in pytest_plugins is there for
    all files that are collected later: of two fixtures with one name the last
    one would be everybody's.
    """
    found = collections.Counter()
    pattern = os.path.join(ROOT, "tests", "support", "**", "*.py")
    for path in glob.glob(pattern, recursive=True):
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                if any(
                    "fixture" in ast.unparse(d) for d in node.decorator_list
                ):
                    found[node.name] += 1
    assert found
    assert [name for name, count in found.items() if count > 1] == []
