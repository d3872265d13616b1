# SPDX-License-Identifier: GPL-2.0-or-later
"""
A copy of a domain's metadata as a record: its fields, what the file of a
record has (history.py), and reading such a file.
"""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Any

SCHEMA = 2

# Keys of a Copy that schema 1 does not have.
_SINCE_2 = ("reason", "via", "result", "after", "code")

# Bytes. Metadata has at most 1 MiB (MAX_SIZE in storage/file.py), and JSON
# takes 6 bytes for a character that takes one there.
MAX_RECORD = 8 * 1024**2


class Copy(NamedTuple):
    """
    A kept copy; the fields are the keys of its file.

    domain: UUID of the domain. time: UTC, in flag.SINCE_FORMAT.
    action: what the change was: set, clear, restore, reseal.
    place: the directory or VG where the domain was found.

    What follows is None where schema 1 does not say it.

    reason: why the change was made; None: it takes no reason.
    via: how it was made: attempt.COMMAND or VDSM.
    result: what became of it, one of those in attempt.py.
    after: the flag after it; None: nobody knows.
    code: of the error by which it ended; None: by none.
    """

    number: int
    domain: str
    time: str
    by: str
    action: str
    place: str
    lines: list[str]
    reason: str | None = None
    via: str | None = None
    result: str | None = None
    after: bool | None = None
    code: int | None = None


def content(copy: Copy) -> dict[str, Any]:
    """What the file of a copy has, for JSON."""
    return {"schema": SCHEMA, **copy._asdict()}


def read_file(path: str) -> tuple[bytes, os.stat_result]:
    """
    (what is in a file, its status). Never waits for a FIFO or a device.

    Raises OSError, ValueError if it is no file that can be a record.
    """
    # Opening some devices does something, so they are not even opened.
    _require_regular(os.stat(path))
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    with open(os.open(path, flags), "rb") as f:
        status = os.fstat(f.fileno())
        _require_regular(status)
        data = f.read(MAX_RECORD + 1)
    if len(data) > MAX_RECORD:
        raise ValueError(f"it is larger than {MAX_RECORD} bytes")
    return data, status


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")


def parse(record: bytes) -> Copy:
    """
    The copy that a record has. Raises ValueError, whose text is harmless, if
    it has none.
    """
    try:
        fields = json.loads(record.decode("utf-8"))
    except (ValueError, RecursionError) as e:
        raise ValueError(f"it is not JSON, or is cut: {printable(str(e))}")
    if not isinstance(fields, dict):
        raise ValueError("it is no JSON object")
    schema = fields.pop("schema", None)
    if type(schema) is not int:
        raise ValueError("it has no schema, which is a number")
    if schema not in (1, SCHEMA):
        shown = printable(str(schema))
        raise ValueError(f"its schema is {shown}, and neither 1 nor {SCHEMA}")
    return _copy_of(fields, schema)


def _copy_of(fields: dict[str, Any], schema: int) -> Copy:
    """Raises ValueError if these are not the fields of a copy."""
    expected = set(Copy._fields)
    if schema == 1:
        expected -= set(_SINCE_2)
    if fields.keys() != expected:
        keys = sorted(fields.keys() ^ expected)
        shown = printable(", ".join(keys))
        raise ValueError(f"it lacks these keys, or has them beside: {shown}")
    copy = Copy(**fields)
    if type(copy.number) is not int or copy.number < 1:
        raise ValueError("its number is no number of a copy")
    if not isinstance(copy.lines, list):
        raise ValueError("its lines are no list")
    texts = [copy.domain, copy.time, copy.by, copy.action, copy.place]
    texts += [
        text
        for text in (copy.reason, copy.via, copy.result)
        if text is not None
    ]
    if not all(isinstance(text, str) for text in [*texts, *copy.lines]):
        raise ValueError("it has something else than text")
    if copy.after is not None and type(copy.after) is not bool:
        raise ValueError("what it has as `after` is neither true nor false")
    if copy.code is not None and type(copy.code) is not int:
        raise ValueError("its code is no number")
    return copy
