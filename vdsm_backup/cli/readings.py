# SPDX-License-Identifier: GPL-2.0-or-later
"""
What we say of a domain: one reading, judged. Used by list, show and verify.

A reading never fails: an error becomes part of what is said.
"""

from dataclasses import dataclass, field

from vdsm_backup import errors
from vdsm_backup.metadata import flag, origin
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

_ORIGIN_NOTES = {
    origin.MOVED: "it was moved or replicated since it was flagged",
    origin.COPIED: "its files were copied since it was flagged",
    origin.REPLICA: "its LUN is a replica, or was migrated, since it was"
    " flagged",
}


@dataclass(frozen=True)
class Reading:
    """
    md is None if nothing could be read; the flag is None if unknown.
    error is the first reason not to trust the flag, problems are all.
    """

    storage: object
    md: "md_lines.Metadata | None"
    flag: "flag.Flag | None"
    error: "errors.Error | None"
    problems: list = field(default_factory=list)
    origin_match: "str | None" = None
    lines: tuple = ()

    def notes(self):
        note = _ORIGIN_NOTES.get(self.origin_match)
        return [note] if note else []


def read(storage):
    return _reading(storage, storage.read)


def seen(storage):
    """By what was read when it was found, where that was just now."""
    return _reading(storage, storage.seen)


def _reading(storage, look):
    try:
        lines = look()
    except errors.Error as e:
        return unread(storage, e)
    return judge(storage, lines)


def unread(storage, error):
    return Reading(storage, None, None, error, [error])


def judge(storage, lines):
    """The reading of these lines, which were read or written."""
    md = md_lines.parse(lines)
    problems, value = [], None
    try:
        md_lines.require(lines, storage.sd_id)
        value = flag.read(md.values, storage.sd_id)
    except errors.Error as e:
        problems.append(e)
    error = problems[0] if problems else None
    problems += _lesser_problems(md, storage.sd_id, problems)
    match = None
    if value and value.origin:
        match, more = _match(storage, value.origin)
        problems += more
    return Reading(storage, md, value, error, problems, match, tuple(lines))


def _lesser_problems(md, sd_id, known):
    """What does not keep the flag from being read."""
    found = []
    if md.seal == "missing":
        found.append(errors.SealMissing(sd_id))
    if md.seal == "broken":
        declared = printable(md.declared)
        found.append(errors.SealBroken(sd_id, declared, md.computed))
    if md.dropped:
        line = printable(md.dropped[0])
        problem = f"a line without '=': {line}"
        found.append(errors.DamagedMetadata(sd_id, problem))
    if flag.BACKUP in md.values:
        try:
            flag.read(md.values, sd_id)
            flag.require_supported({"VERSION": "", **md.values}, sd_id)
        except errors.Error as e:
            found.append(e)
    said = {(type(e), str(e)) for e in known}
    return [e for e in found if (type(e), str(e)) not in said]


def _match(storage, stored):
    try:
        return storage.match_origin(stored), []
    except errors.Error as e:
        return origin.UNKNOWN, [e]
