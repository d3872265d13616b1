# SPDX-License-Identifier: GPL-2.0-or-later
"""
A kept copy beside the metadata that it replaces: how old it is, and what
differs. The user of `restore` decides by this whether it is the right copy.
"""

import calendar
import time
from typing import Iterator

from vdsm_backup.change import change
from vdsm_backup.change.history import Copy
from vdsm_backup.cli import history, output
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


def difference(before: list, after: list) -> "tuple[list, list]":
    """(lines that go, lines that come)"""
    gone = [line for line in before if line not in after]
    new = [line for line in after if line not in before]
    return gone, new


def data(copy: Copy, result: change.Result) -> dict:
    """What the JSON of `restore` has beside that of `set`: docs/json.md."""
    removed, added = difference(result.before or [], result.lines)
    return {
        "copy": history.data(copy),
        "age": _age(copy),
        "difference": {"removed": removed, "added": added},
    }


def notes(copy: Copy, result: change.Result, dry_run: bool) -> Iterator[str]:
    """
    For people. dry_run: the copy has not replaced what it is compared with.
    """
    if not result.changed:
        return
    yield _age_note(copy)
    there = "is" if dry_run else "was"
    before = md_lines.parse(result.before or []).values
    after = md_lines.parse(copy.lines).values
    if result.before:
        yield from _key_notes(copy, before, after, there)
    else:
        yield (
            f"nothing that can be compared with copy {copy.number} {there} on"
            " storage: changes since then are not known"
        )
    yield from _pool_notes(copy, before, after, there)


# How old


def _age(copy):
    """Seconds; None if the copy has no time that can be read."""
    try:
        kept = time.strptime(copy.time, flag.SINCE_FORMAT)
    except ValueError:
        return None
    return int(time.time()) - calendar.timegm(kept)


def _age_note(copy):
    when = printable(copy.time)
    by, action = printable(copy.by), printable(copy.action)
    return (
        f"copy {copy.number} is {age_words(_age(copy))}: kept {when} by {by},"
        f" before {action}"
    )


def age_words(seconds: "int | None") -> str:
    """After "it is"."""
    if seconds is None:
        return "of unknown age"
    if seconds < 0:
        return "from the future, by the clock of this host"
    for size, noun in _UNITS:
        # "1 day" may be nearly two.
        if seconds >= 2 * size:
            return f"{seconds // size} {noun}s old"
    return f"{output.count(seconds, 'second')} old"


# What differs


def _key_notes(copy, before, after, there):
    groups = {
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
            f"copy {copy.number} differs from what {there} on storage;"
            f" {'; '.join(shown)}"
        )


def _pool_notes(copy, before, after, there):
    """
    What VDSM and the engine would stumble over: metadata that is detached of
    a domain that is attached, or the other way round.
    """
    known = change.POOL in before
    here, kept = before.get(change.POOL, ""), after.get(change.POOL, "")
    if known and here == kept:
        return
    said = f"by copy {copy.number} the domain is {_attached(kept)}"
    if known:
        yield f"{said}; on storage it {there} {_attached(here)}"
    else:
        yield f"{said}; whether it is so, only the engine can tell"


def _attached(pool):
    if not pool:
        return f"detached ({change.POOL} is empty)"
    return f"attached to pool {printable(pool)}"
