# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a check of this host gives: Findings, what was found, and if that is not
well, the next step. No check changes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# States of a Finding.
OK = "ok"
# It works, and somebody should know of it.
NOTE = "note"
# It could not be looked at, or not by this user.
UNKNOWN = "unknown"
# A VM could start from a flagged domain, or a change would fail.
BAD = "bad"

# From the best to the worst.
STATES = (OK, NOTE, UNKNOWN, BAD)

# The next step where only root can answer.
AS_ROOT = "sudo vdsm-backup-domain doctor"

# And where VDSM does not have the plugin, or would not get it.
LOADING = "/usr/share/doc/vdsm-backup-domain/docs/vdsm.md, Loading"


class Finding(NamedTuple):
    """
    What a check has found.

    check: what was checked, for people. state: one of STATES. hint: the next
    step, "" where there is none.
    """

    check: str
    state: str
    text: str
    hint: str = ""


def run(
    name: str,
    check: Callable[[], Iterable[Finding]],
    trace: Callable[[str], None],
) -> list[Finding]:
    """
    What a check has found. If it fails, that is a finding, too: one check
    must not hide what the others say.

    name: of that finding. trace: called with the traceback of a fault of ours.
    """
    found: list[Finding] = []
    try:
        for finding in check():
            found.append(finding)
    except errors.Error as e:
        found.append(_failed(name, e))
    except Exception as e:
        import traceback

        trace(traceback.format_exc())
        error = errors.InternalError(type(e).__name__, printable(str(e)))
        found.append(_failed(name, error))
    return found


def of_error(name: str, state: str, error: errors.Error) -> Finding:
    """The Finding of one of our errors, with its hints."""
    hint = "; ".join(error.hint_lines())
    return Finding(name, state, f"error {error.code}: {error}", hint)


def _failed(name: str, error: errors.Error) -> Finding:
    found = of_error(name, UNKNOWN, error)
    return Finding(name, UNKNOWN, f"not looked at: {found.text}", found.hint)
