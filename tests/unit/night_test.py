# SPDX-License-Identifier: GPL-2.0-or-later
"""The texts of the worst night are those of tests that are there."""

import ast
import glob
import os

import pytest

from tests import ROOT
from tests.support.night import Book

FILES = sorted(
    glob.glob(os.path.join(ROOT, "tests/integration/night_*_test.py"))
)


def test_there_are_some():
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=os.path.basename)
def test_each_section_has_its_test(path):
    with open(path, encoding="utf-8") as f:
        tree = ast.parse(f.read())
    tests = {
        node.name: ast.get_docstring(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    sections = {s.partition("[")[0] for s in Book(path).sections()}
    assert sections == set(tests)
    assert all(tests.values()), "a reader is told what happens"
