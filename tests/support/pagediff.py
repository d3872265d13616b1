# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that stand in files, compared with what is said now."""

import difflib

import pytest


def assert_same(written, now):
    """Fails with the lines that differ, and nothing else."""
    if written != now:
        difference = difflib.unified_diff(
            *(written.splitlines(), now.splitlines()),
            *("as written", "now"),
            lineterm="",
        )
        pytest.fail("\n".join(difference), pytrace=False)


def in_order(lines):
    """Rows of `list` in the order of their UUIDs, for re.sub(): none last."""
    rows = lines[0].splitlines(True)
    return "".join(sorted(rows, key=lambda row: (row[0] == "-", row)))
