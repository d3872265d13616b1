# SPDX-License-Identifier: GPL-2.0-or-later
"""What `log` and `history` say of a change that did not come to its end."""

import pytest

from vdsm_backup.cli import endings


@pytest.mark.parametrize(
    "result, before, after, shown",
    [
        ("done", False, True, "done"),
        ("refused", False, False, "refused"),
        ("unknown", False, None, "unknown"),
        ("undone", False, False, "undone"),
        ("failed", None, None, "failed"),
        ("failed", True, True, "failed"),
        ("failed", False, True, "failed, flag set"),
        ("failed", True, False, "failed, flag not set"),
        ("failed", True, None, "failed, flag unknown"),
        ("interrupted", True, True, "interrupted, flag set"),
        ("interrupted", True, False, "interrupted, flag not set"),
        ("interrupted", None, True, "interrupted, flag set"),
        ("interrupted", True, None, "interrupted, outcome unknown"),
        ("interrupted", None, None, "interrupted"),
        (None, False, None, "-"),
        ("\x1b", False, None, "\\x1b"),
    ],
)
def test_cell(result, before, after, shown):
    assert endings.cell(result, before, after) == shown
