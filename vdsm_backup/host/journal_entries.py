# SPDX-License-Identifier: GPL-2.0-or-later
"""
The entries that journal.py has sent, as `journalctl -o json` prints them.
Pure.

It prints one JSON object a line: "Journal JSON Format" in
https://systemd.io/JOURNAL_EXPORT_FORMATS/. A value is a text; a list of
numbers, which are the bytes of what is no UTF-8; null, if it is too long and
journalctl was not told --all; or a list of such values, if the entry has the
field more than once.

There are two kinds of entries that tell what was done. A change (ACTION and
RESULT) is one of the flag, of metadata, or of a permit. An answer (ANSWER) is
the guard's, and of one VM, or of one domain that a VM needs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PREFIX = "VDSM_BACKUP_"

# The values of ANSWER.
REFUSED = "refused"
ALLOWED = "allowed"

_TIME = "__REALTIME_TIMESTAMP"


class Entry(NamedTuple):
    """
    One entry.

    time: when the journal got it, in seconds since the epoch.
    priority: as in syslog(3), or None.
    host: the name of the host then. uid: of the process that has sent it.
    fields: those with PREFIX, by the rest of their names in lower case:
        {"action": "set", ...}. Texts from storage, not made harmless.
    """

    time: float
    message: str
    priority: int | None
    host: str
    uid: int | None
    fields: Mapping[str, str]

    @property
    def is_change(self) -> bool:
        """A change was made, or was tried."""
        return "action" in self.fields and "result" in self.fields

    @property
    def is_answer(self) -> bool:
        """The guard has found something, whatever became of the VM."""
        return "answer" in self.fields and "operation" in self.fields

    @property
    def is_refusal(self) -> bool:
        """The guard has refused an operation."""
        return self.is_answer and self.fields["answer"] == REFUSED

    @property
    def is_violation(self) -> bool:
        """
        The guard has let an operation go on, though the domain is flagged or
        nobody knows: it runs already, or by the mode, or by a permit.
        """
        return (
            self.is_answer
            and self.fields["answer"] == ALLOWED
            and "code" in self.fields
        )


def parse(printed: bytes) -> tuple[list[Entry], int]:
    """
    (the entries in what journalctl has printed, how many lines of it are no
    entries). The last line may be cut.
    """
    entries: list[Entry] = []
    failed = 0
    for line in printed.split(b"\n"):
        if not line.strip():
            continue
        try:
            entries.append(_entry(json.loads(line)))
        except (ValueError, RecursionError):
            failed += 1
    return entries, failed


def time_of(line: bytes) -> float:
    """
    When the journal got the entry in a line, whatever else is in it; seconds
    since the epoch. Raises ValueError.
    """
    found = _fields(json.loads(line))
    try:
        return int(found[_TIME]) / 1_000_000
    except KeyError:
        raise ValueError("it has no time")


def _entry(found: object) -> Entry:
    """Raises ValueError."""
    fields = _fields(found)
    if _TIME not in fields:
        raise ValueError("it has no time")
    return Entry(
        time=int(fields[_TIME]) / 1_000_000,
        message=fields.get("MESSAGE", ""),
        priority=_number(fields.get("PRIORITY")),
        host=fields.get("_HOSTNAME", ""),
        uid=_number(fields.get("_UID")),
        fields={
            name[len(PREFIX) :].lower(): value
            for name, value in fields.items()
            if name.startswith(PREFIX)
        },
    )


def _fields(found: object) -> dict[str, str]:
    """Raises ValueError."""
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    texts = {name: _text(value) for name, value in found.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: Any) -> str | None:
    """A value as text; of several the first one. None if it has none."""
    if isinstance(value, list):
        if all(type(item) is int and 0 <= item < 256 for item in value):
            return bytes(value).decode("utf-8", "backslashreplace")
        return _text(value[0])
    return value if isinstance(value, str) else None


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None
