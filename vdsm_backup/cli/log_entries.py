# SPDX-License-Identifier: GPL-2.0-or-later
"""
What `log` tells of: changes and answers of the guard, from the journal and
from the history, in the order of time. Pure.

A change is in both, unless the journal has forgotten it, or its process was
killed: then only the history knows it. The entry in the journal names the copy
that was kept for the change, so a change is told of once.
"""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Optional, TypedDict

from vdsm_backup.change import attempt
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.host.journal_entries import Entry

# Seconds. A copy is kept before the journal is told of its change: so long
# before at most, or it is the copy of a change of another time, when this host
# kept another history.
_LONGEST = 24 * 3600

# Seconds that a time of the history may be late: it has no fractions.
_LATE = 2

_BOOLEANS = {"True": True, "False": False}


class LogEntry(TypedDict):
    """LOGGED of docs/json.md."""

    time: str
    action: Optional[str]
    result: Optional[str]
    domain: Optional[str]
    name: Optional[str]
    vm: Optional[str]
    vm_id: Optional[str]
    operation: Optional[str]
    before: Optional[bool]
    after: Optional[bool]
    reason: Optional[str]
    by: Optional[str]
    host: Optional[str]
    host_id: Optional[int]
    code: Optional[int]
    message: str


def merged(
    entries: Iterable[Entry], copies: Iterable[Copy], host: str
) -> list[LogEntry]:
    """
    What there is to tell, oldest first.

    copies: those in the history. host: the name of the host that kept them.
    """
    told = [e for e in entries if e.is_change or e.is_answer]
    found = [(e.time, of_entry(e)) for e in told if not _is_nothing(e)]
    changes = [e for e in told if "copy" in e.fields]
    for copy in copies:
        kept = _seconds(copy.time)
        if not any(_is_of(entry, copy, kept) for entry in changes):
            found.append((kept, of_copy(copy, host)))
    found.sort(key=lambda each: each[0])
    return [entry for _, entry in found]


def of_entry(entry: Entry) -> LogEntry:
    """The one of an entry in the journal."""
    fields = entry.fields
    vm, vm_id = fields.get("vm"), fields.get("vm_id")
    name = vm[len("VM ") :] if vm and vm.startswith("VM ") else vm
    return {
        "time": _text(entry.time),
        "action": fields.get("action"),
        "result": fields.get("result") or fields.get("answer"),
        "domain": fields.get("domain"),
        "name": fields.get("name"),
        "vm": None if name == vm_id else name,
        "vm_id": vm_id,
        "operation": fields.get("operation"),
        "before": _BOOLEANS.get(fields.get("before", "")),
        "after": _BOOLEANS.get(fields.get("after", "")),
        "reason": fields.get("reason"),
        "by": fields.get("by"),
        "host": entry.host or None,
        "host_id": _number(fields.get("host_id")),
        "code": _number(fields.get("code")),
        "message": entry.message,
    }


def of_copy(copy: Copy, host: str) -> LogEntry:
    """The one of a change that only the history knows."""
    values = md_lines.parse(copy.lines).values
    result = copy.result or "ended in a way that was not recorded"
    if copy.result == attempt.UNKNOWN:
        result = "was begun, and nobody has recorded how it ended"
    return {
        "time": copy.time,
        "action": copy.action,
        "result": copy.result,
        "domain": copy.domain,
        "name": values.get("DESCRIPTION") or None,
        "vm": None,
        "vm_id": None,
        "operation": None,
        "before": attempt.flag_in(copy.lines, copy.domain),
        "after": copy.after,
        "reason": copy.reason,
        "by": copy.by,
        "host": host,
        "host_id": None,
        "code": copy.code,
        "message": f"{copy.action} {result} (copy {copy.number})",
    }


def _is_nothing(entry: Entry) -> bool:
    """Whether the guard has let go on what needs no flagged domain."""
    return not (entry.is_change or entry.is_refusal or entry.is_violation)


def _is_of(entry: Entry, copy: Copy, kept: float) -> bool:
    """Whether an entry is of the change for which a copy was kept."""
    fields = entry.fields
    return (
        fields.get("domain") == copy.domain
        and fields.get("action") == copy.action
        and fields.get("copy") == str(copy.number)
        and -_LATE <= entry.time - kept <= _LONGEST
    )


def _seconds(text: str) -> float:
    """The time of a copy; 0 if it cannot be read."""
    try:
        return calendar.timegm(time.strptime(text, flag.SINCE_FORMAT))
    except ValueError:
        return 0


def _text(seconds: float) -> str:
    return time.strftime(flag.SINCE_FORMAT, time.gmtime(seconds))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None
