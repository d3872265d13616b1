# SPDX-License-Identifier: GPL-2.0-or-later
"""
What this host knows of a domain: what a killed run has left here, and whether
a flag is gone that was set here.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.processes.records import Record
from vdsm_backup.text import printable
from vdsm_backup.verify.findings import Findings

if TYPE_CHECKING:
    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.metadata.flag import Flag

# The names of records in run_dir, and what each says that a run has left.
_RECORDS = (
    (
        "{}",
        "the lockspace joined on this host, so that VDSM cannot join it with"
        " its own host id",
    ),
    ("{}.lvs", "LVs active on this host"),
)

# Results of changes that may have changed nothing: their `after` tells.
_FAILED = ("failed", "refused", "undone", "interrupted")

# The action that keeps the flag as it is.
_NO_CHANGE = "reseal"


def check(
    sd_id: str, flag: Flag | None, history: History, run_dir: str
) -> Findings:
    """flag: of the domain now; None if it is unknown."""
    found = Findings(looked_at=["what runs left on this host"])
    for name, what in _RECORDS:
        if _left(run_dir, name.format(sd_id)):
            found.notes.append(
                f"a run that was killed has left {what}; the next set, clear,"
                " restore or reseal of the domain tidies up"
            )
    found.add(_history(sd_id, flag, history))
    return found


def _left(run_dir: str, name: str) -> bool:
    """Whether a record is there, and no run that has it is alive."""
    if not Record(run_dir, name).exists():
        return False
    path = os.path.join(run_dir, f"{name}.lock")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        fd = os.open(path, flags)
    except OSError:
        # There is no lock, or it is not ours to see.
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


# The history


def _history(sd_id: str, flag: Flag | None, history: History) -> Findings:
    if flag is None:
        return Findings()
    found = Findings()
    try:
        copy = _last_change(sd_id, history)
    except errors.Error as e:
        found.unseen.append(f"the history of this host: {e}")
        return found
    found.looked_at.append("history of this host")
    if copy and _is_lost(copy, flag):
        time, by = printable(copy.time), printable(copy.by)
        error = errors.FlagLost(sd_id, time, by, copy.number)
        found.problems.append(error)
    return found


def _last_change(sd_id: str, history: History) -> Copy | None:
    """
    The copy of the last change that this host made of the flag. None if there
    is none. Raises HistoryFailed.
    """
    for number in reversed(history.numbers(sd_id)):
        copy = history.get(sd_id, number)
        failed = copy.result in _FAILED and not copy.after
        if not failed and copy.action != _NO_CHANGE:
            return copy
    return None


def _is_lost(copy: Copy, flag: Flag) -> bool:
    """
    Whether the flag is gone that was set after this copy was kept, the last
    one of this host.

    A flag that somebody has cleared, on whatever host, leaves BACKUP=False and
    the time. The times are UTC in one format, which sorts.
    """
    if copy.action != "set":
        return False
    return not flag.value and flag.since < copy.time
