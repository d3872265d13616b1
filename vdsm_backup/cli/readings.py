# SPDX-License-Identifier: GPL-2.0-or-later
"""
What was read of a domain, and what of that is wrong. Used by list, show,
verify, and after a change.

The functions here raise none of our errors: an error becomes a part of the
reading.
"""

from __future__ import annotations

from collections import namedtuple

from vdsm_backup import errors
from vdsm_backup.metadata import domain as metadata_domain
from vdsm_backup.metadata import flag, origin
from vdsm_backup.metadata import lines as md_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vdsm_backup.storage.base import Storage

FLAGGED_MASTER = (
    "it is the master domain of its data center, which an engine must have"
    " elected: put it into maintenance in the engine, and another domain"
    " becomes the master"
)

_ORIGIN_NOTES = {
    origin.MOVED: "it was moved or replicated since it was flagged",
    origin.COPIED: "its files were copied since it was flagged",
    origin.REPLICA: "its LUN is a replica, or was migrated, since it was"
    " flagged",
}


class Reading(
    namedtuple(
        "Reading",
        "storage md flag error problems origin_match lines hazard",
        defaults=[None, (), None],
    )
):
    """
    What was read of a domain.

    md: None if nothing could be read.
    flag: None if it is unknown.
    error: the first reason not to trust the flag.
    problems: all that is wrong, the error included.
    origin_match: what the storage is by the origin in the flag, a constant of
        metadata/origin.py. None if there is no origin.
    lines: what was read.
    hazard: why the domain cannot be changed, though its flag can be read.
    """

    __slots__ = ()
    storage: Storage
    md: md_lines.Metadata | None
    flag: flag.Flag | None
    error: errors.Error | None
    problems: list[errors.Error]
    origin_match: str | None
    lines: tuple[str, ...]
    hazard: errors.VolumeGroupUnsafe | None

    def notes(self) -> list[str]:
        """What is worth knowing, and no problem."""
        found = []
        # Without a flag the command of the note would set one.
        if self._is_flagged and self.origin_match in _ORIGIN_NOTES:
            found.append(
                f"{_ORIGIN_NOTES[self.origin_match]}; if it is the domain from"
                " now on, and what it comes from is gone or disconnected:"
                f" vdsm-backup-domain set {self.storage.sd_id}"
                " --accept-origin --reason TEXT"
            )
        if self.is_flagged_master:
            found.append(FLAGGED_MASTER)
        return found

    @property
    def _is_flagged(self) -> bool:
        return self.flag is not None and self.flag.value

    @property
    def is_flagged_master(self) -> bool:
        """Whether it is flagged, and the master domain of its pool."""
        if self.md is None or not self._is_flagged:
            return False
        return metadata_domain.is_master(self.md.values)


def read(storage: Storage) -> Reading:
    """The Reading of what is on storage now."""
    return _reading(storage, storage.read)


def last_scan(storage: Storage) -> Reading:
    """
    The Reading of the lines from the last scan, without reading again; as
    read() if no scan has read them.
    """
    return _reading(storage, storage.last_scan)


def _reading(storage: Storage, get_lines: Callable[[], list[str]]) -> Reading:
    try:
        lines = get_lines()
    except errors.Error as e:
        return unreadable(storage, e)
    return from_lines(storage, lines)


def unreadable(storage: Storage, error: errors.Error) -> Reading:
    """The Reading of a storage from which nothing could be read."""
    return Reading(storage, None, None, error, [error])


def from_lines(storage: Storage, lines: Iterable[str]) -> Reading:
    """
    The Reading of these lines, which were read from the storage, or written
    to it.
    """
    lines = tuple(lines)
    md = md_lines.parse(lines)
    problems: list[errors.Error] = []
    value = None
    try:
        md_lines.require(lines, storage.sd_id)
        value = flag.read(md.values, storage.sd_id)
    except errors.Error as e:
        problems.append(e)
    error = problems[0] if problems else None
    told = {(type(e), str(e)) for e in problems}
    problems += [
        e
        for e in metadata_domain.lesser_problems(md, storage.sd_id)
        if (type(e), str(e)) not in told
    ]
    match = None
    if value and value.origin:
        match, more = _match(storage, value.origin)
        problems += more
    hazard = storage.hazard()
    return Reading(storage, md, value, error, problems, match, lines, hazard)


def _match(
    storage: Storage, stored: str
) -> tuple[str | None, list[errors.Error]]:
    """(origin_match of the stored origin, problems)"""
    try:
        return storage.match_origin(stored), []
    except errors.Error as e:
        return origin.UNKNOWN, [e]
