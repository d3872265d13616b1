# SPDX-License-Identifier: GPL-2.0-or-later
"""
What to store when somebody without the lease wrote at the same time as we.
Pure functions.

VDSM writes some keys of a domain without the SDM lease: see docs/format.md,
Locks. It replaces the metadata that it has in memory, and knows nothing of
our change. What is on storage afterwards is then neither what we replaced nor
what we wrote:

- On a file domain each of the two writes is whole. The later one wins, and the
  other one is lost: our flag, or VDSM's keys.
- On a block domain VDSM takes away and adds the tags in which its metadata
  differs from those that it has read. If our tags came between its reading and
  its writing, they stay beside its own, and there are two checksums.

The rule
========

The other one's metadata counts for all keys but those of the flag, and for
these keys ours count: they were written under the lease.

What the other one wrote is never guessed. It is what stands on storage with a
valid checksum. On a block domain with two checksums it is found out from the
tags, those that we added, and those that we took away; its own checksum must
fit it.

We give way, and their metadata is what has to be on storage, where somebody
with the lease may have written it: where it has a flag that is neither ours
nor the one that we found, or differs from what we found in the flag alone, or
tells of a pool that the domain was not attached to. And where both together
would be no metadata of a domain that can have a flag.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Lines of which nobody knows whether they are the other one's: those of the
# old flag and those of the new one. All combinations are tried.
_MOST_UNCLEAR = 2 * len(flag.KEYS)


class Write(NamedTuple):
    """A write of ours: it was to replace the lines `old` by `new`."""

    old: list[str]
    new: list[str]


class Merged(NamedTuple):
    """
    lines: what has to be on storage.
    ours: whether these lines have our flag. Otherwise they are the other
        one's alone.
    """

    lines: list[str]
    ours: bool


def merge(
    sd_id: str,
    change: Write,
    last: Write,
    found: list[str],
    lost: Sequence[list[str]] = (),
) -> Merged | None:
    """
    What has to be on storage, or None if nobody can tell.

    change: what we were asked for. Only the flag may differ in it.
    last: what we wrote last. It is `change` unless that was merged before.
    found: what is on storage now.
    lost: what others wrote and our writes replaced, the oldest first.
    """
    theirs = _their_lines(sd_id, last, found)
    if theirs is None or not _changes_the_flag_alone(sd_id, change):
        return None
    before = md_lines.parse(change.old).values
    ours = _flag(md_lines.parse(change.new).values)
    values = md_lines.parse(theirs).values
    if _flag(values) != ours and not _without_lease(before, values):
        return Merged(theirs, False)
    merged = _others(values)
    for lines in reversed(lost):
        if md_lines.is_whole(lines, sd_id):
            _carry(before, md_lines.parse(lines).values, merged)
    merged.update(ours)
    if merged == values:
        return Merged(theirs, True)
    lines = md_lines.flush(merged)
    try:
        domain.check(lines, sd_id)
    except errors.Error:
        return Merged(theirs, False)
    return Merged(lines, True)


def with_flag_of(lines: list[str], other: list[str]) -> list[str]:
    """
    These lines with the flag of others, which differ from them in the flag or
    also in what was merged into them. Both have a valid checksum.
    """
    values = md_lines.parse(lines).values
    wanted = md_lines.parse(other).values
    if _others(values) == _others(wanted):
        return other
    return md_lines.flush({**_others(values), **_flag(wanted)})


def _changes_the_flag_alone(sd_id: str, change: Write) -> bool:
    if not md_lines.is_whole(change.old, sd_id):
        return False
    old, new = (md_lines.parse(x).values for x in (change.old, change.new))
    return _others(old) == _others(new)


def _their_lines(
    sd_id: str, last: Write, found: list[str]
) -> list[str] | None:
    """The whole lines that the other one wrote; None if nobody can tell."""
    for lines in _candidates(last, found):
        if md_lines.is_whole(lines, sd_id):
            return lines
    return None


def _candidates(last: Write, found: list[str]) -> Iterator[list[str]]:
    yield found
    old, new, now = set(last.old), set(last.new), set(found)
    # What we took away they may have kept, and what we added they may have
    # added, too. Nothing but their checksum tells.
    unclear = sorted(
        line
        for line in (old - new) | (new - old) & now
        if not line.startswith(f"{md_lines.SEAL}=")
    )
    if len(unclear) > _MOST_UNCLEAR:
        return
    clear = now - (new - old)
    for size in range(len(unclear), -1, -1):
        for theirs in itertools.combinations(unclear, size):
            yield sorted(clear.union(theirs))


def _without_lease(
    before: Mapping[str, str], theirs: Mapping[str, str]
) -> bool:
    """
    Whether somebody without the lease may have written their values: VDSM
    that had the old ones in memory, with their flag or without one.
    """
    pool = theirs.get(domain.POOL, "")
    return (
        _flag(theirs) in ({}, _flag(before))
        and _others(theirs) != _others(before)
        and pool in ("", before.get(domain.POOL, ""))
    )


def _carry(
    before: Mapping[str, str],
    lost: Mapping[str, str],
    values: dict[str, str],
) -> None:
    """
    Make those changes in the values that somebody made in values that were
    lost. A key that is changed already stays as it is: that came later.
    """
    for key in _others(before).keys() | _others(lost).keys():
        changed = lost.get(key) != before.get(key)
        if changed and values.get(key) == before.get(key):
            values.pop(key, None)
            if key in lost:
                values[key] = lost[key]


def _flag(values: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in values.items() if k in flag.KEYS}


def _others(values: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in values.items() if k not in flag.KEYS}
