# SPDX-License-Identifier: GPL-2.0-or-later
"""The types of JSON objects of docs/json.md that several commands print."""

from __future__ import annotations

from typing import List, Optional, TypedDict


class _AnyError(TypedDict):
    code: int
    name: str
    message: str
    hints: List[str]


class ErrorObject(_AnyError, total=False):
    """ERROR of docs/json.md."""

    cause: str


# DOMAIN of docs/json.md. Not a class, since "class" cannot be the name of an
# attribute; so Python evaluates these types, and 3.9 knows no `str | None`.
DomainObject = TypedDict(
    "DomainObject",
    {
        "id": Optional[str],
        "name": Optional[str],
        "kind": str,
        "type": Optional[str],
        "version": Optional[int],
        "class": Optional[str],
        "pool": Optional[str],
        "flag": Optional[bool],
        "reason": Optional[str],
        "by": Optional[str],
        "since": Optional[str],
        "origin": Optional[str],
        "origin_match": Optional[str],
        "seal": Optional[str],
        "error": Optional[ErrorObject],
        "place": str,
        "notes": List[str],
    },
)
