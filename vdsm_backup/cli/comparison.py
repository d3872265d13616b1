# SPDX-License-Identifier: GPL-2.0-or-later
"""
A kept copy beside the metadata that it replaces: how old the copy is, and what
differs. The user of `restore` decides by this whether it is the right copy.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vdsm_backup.change.request import Result
from vdsm_backup.cli import copy_objects, output
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from vdsm_backup.change.copy_record import Copy

# Seconds.
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def difference(
    before: list[str], after: list[str]
) -> tuple[list[str], list[str]]:
    """(lines that are removed, lines that are added)"""
    removed = [line for line in before if line not in after]
    added = [line for line in after if line not in before]
    return removed, added


def json_difference(result: Result) -> dict[str, list[str]]:
    """The DIFFERENCE of docs/json.md."""
    removed, added = difference(result.before or [], result.lines)
    return {"removed": removed, "added": added}


def json_keys(copy: Copy, result: Result) -> dict[str, Any]:
    """What the JSON of `restore` has beside that of `set`: docs/json.md."""
    return {
        "copy": copy_objects.copy_object(copy),
        "age": _age(copy),
        "difference": json_difference(result),
    }


def notes(copy: Copy, result: Result, dry_run: bool) -> Iterator[str]:
    """
    Notes for people: how old the copy is, and what differs.

    dry_run: the copy has not replaced what it is compared with.
    """
    if not result.changed:
        return
    yield _age_note(copy)
    is_or_was = "is" if dry_run else "was"
    before = md_lines.parse(result.before or []).values
    after = md_lines.parse(copy.lines).values
    if result.before:
        yield from _key_notes(copy, before, after, is_or_was)
    else:
        yield (
            f"nothing that can be compared with copy {copy.number} {is_or_was}"
            " on storage: changes since then are not known"
        )
    yield from _pool_notes(copy, before, after, is_or_was)


# How old


def _age(copy: Copy) -> int | None:
    """Seconds. None if the copy has no time that can be read."""
    # Here, as what strptime() imports: a change that shows no copy needs none.
    import calendar

    try:
        kept = time.strptime(copy.time, flag.SINCE_FORMAT)
    except ValueError:
        return None
    return int(time.time()) - calendar.timegm(kept)


def _age_note(copy: Copy) -> str:
    when = printable(copy.time)
    by, action = printable(copy.by), printable(copy.action)
    return (
        f"copy {copy.number} is {age_words(_age(copy))}: kept {when} by {by},"
        f" before {action}"
    )


def age_words(seconds: int | None) -> str:
    """An age, as in "the copy is 2 days old"."""
    if seconds is None:
        return "of unknown age"
    if seconds < 0:
        return "from the future, by the clock of this host"
    for size, noun in _UNITS:
        # A unit counts from two on: "1 day", rounded down, may be nearly two.
        if seconds >= 2 * size:
            return f"{seconds // size} {noun}s old"
    return f"{output.count(seconds, 'second')} old"


# What differs


def _key_notes(
    copy: Copy,
    before: Mapping[str, str],
    after: Mapping[str, str],
    is_or_was: str,
) -> Iterator[str]:
    """Which keys differ, of the values on storage and in the copy."""
    groups: dict[str, Iterable[str]] = {
        "changed": [
            key
            for key in before.keys() & after.keys()
            if before[key] != after[key]
        ],
        "only on storage": before.keys() - after.keys(),
        "only in the copy": after.keys() - before.keys(),
    }
    shown = [
        f"{name}: {', '.join(map(printable, sorted(keys)))}"
        for name, keys in groups.items()
        if keys
    ]
    if shown:
        yield (
            f"copy {copy.number} differs from what {is_or_was} on storage;"
            f" {'; '.join(shown)}"
        )


def _pool_notes(
    copy: Copy,
    before: Mapping[str, str],
    after: Mapping[str, str],
    is_or_was: str,
) -> Iterator[str]:
    """
    Whether the pool differs. VDSM and the engine would stumble over an
    attached domain whose metadata says that it is detached, and over the
    opposite.
    """
    known = domain.POOL in before
    stored, kept = before.get(domain.POOL, ""), after.get(domain.POOL, "")
    if known and stored == kept:
        return
    said = f"by copy {copy.number} the domain is {_attached(kept)}"
    if known:
        yield f"{said}; on storage it {is_or_was} {_attached(stored)}"
    else:
        yield f"{said}; whether it is so, only the engine can tell"


def _attached(pool: str) -> str:
    if not pool:
        return f"detached ({domain.POOL} is empty)"
    return f"attached to pool {printable(pool)}"
