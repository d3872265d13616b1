# SPDX-License-Identifier: GPL-2.0-or-later
"""How a change has ended, in a cell of a table: for `log` and `history`."""

from __future__ import annotations

from vdsm_backup.change import attempt
from vdsm_backup.text import printable

_FLAG = {True: "flag set", False: "flag not set"}


def cell(result: str | None, before: bool | None, after: bool | None) -> str:
    """
    The result, and what is on storage then, where the result does not say it.
    An attempt that was interrupted may have made the change before.

    before, after: the flag; None: nobody knows.
    """
    shown = printable(result or "-")
    if result == attempt.INTERRUPTED:
        if after is not None:
            return f"{shown}, {_FLAG[after]}"
        # Without a flag before, it was not found, or not whole.
        return shown if before is None else f"{shown}, outcome unknown"
    if result == attempt.FAILED and before != after:
        return f"{shown}, {'flag unknown' if after is None else _FLAG[after]}"
    return shown
