# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a check of this host gives: Findings, what was found, and if that is not
well, the next step. No check changes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

# States of a Finding.
OK = "ok"
# It works, and somebody should know of it.
NOTE = "note"
# A VM could start from a flagged domain, or a change would fail.
BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """
    What a check has found.

    check: what was checked, for people. state: OK, NOTE or BAD. hint: the next
    step, "" where there is none.
    """

    check: str
    state: str
    text: str
    hint: str = ""
