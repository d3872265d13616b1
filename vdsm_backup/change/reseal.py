# SPDX-License-Identifier: GPL-2.0-or-later
"""
Giving metadata the right checksum again.

It is for a domain whose checksum somebody deleted, or broke by editing the
metadata by hand, and of which no copy exists. All lines stay as they are, the
flag among them; only the checksum is written anew. What cannot be read as the
metadata of this domain, or has two values for one key, is refused: nobody can
say what is meant there. Two checksums are no such case, since the right one
follows from the other lines.

VDSM must not use the domain. It keeps metadata in memory, and would write that
back. So a domain that is attached must be in maintenance: no other host is
live in its lockspace, and VDSM of this host does not have it active. Then
nobody else writes it, whatever POOL_UUID says.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

from vdsm_backup import errors
from vdsm_backup.change import steps
from vdsm_backup.change.request import Request, Result
from vdsm_backup.change.world import World
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from vdsm_backup.change.history import History
    from vdsm_backup.change.world import Lease
    from vdsm_backup.storage.base import Reader


class ResealWorld(World, Protocol):
    """A World that also knows whether VDSM of this host uses the domain."""

    def require_inactive(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """
        Returns notes on what VDSM could not be asked. Raises HostsLive if it
        has the domain active, or if nothing else will tell.
        """

    def lease_of_inactive(
        self, values: Mapping[str, str]
    ) -> AbstractContextManager[Lease]:
        """
        As World.lease(). Raises HostsLive, too, if VDSM has the domain active.
        """


class Stored(NamedTuple):
    """
    Lines on storage that can be given a checksum.

    md: what they say. new: the lines to write.
    """

    lines: list[str]
    md: md_lines.Metadata

    @property
    def new(self) -> list[str]:
        return md_lines.flush(self.md.values)

    @property
    def is_sealed(self) -> bool:
        """Whether each key is there once, and the checksum is right."""
        written = [line for line in self.lines if line.strip()]
        return self.md.seal == "valid" and len(written) == len(self.new)


def reseal(storage: Reader, request: Request, world: ResealWorld) -> Result:
    """
    Write the lines on storage again, with the right checksum.

    Raises ResealRefused, UnsupportedVersion, UnsupportedClass, HostsLive, and
    what Reader.read() and change.change() do.
    """
    found = _stored(storage, world)
    notes = _notes_on_flag(storage, found, world.history)
    if found.is_sealed:
        return Result(False, found.lines, notes, found.lines)
    values, new = found.md.values, found.new
    steps.require_writable(storage)
    notes += world.require_inactive(values)
    if request.dry_run:
        return Result(True, new, notes, found.lines)
    with world.lease_of_inactive(values) as lease:
        if storage.read() != found.lines:
            raise errors.MetadataChanged(storage.sd_id)
        world.attempt.keep(world.history, storage, found.lines)
        new, more = steps.write_lines(storage, found.lines, new, lease, world)
    return steps.read_once_more(storage, new, notes + more, found.lines)


def _stored(storage: Reader, world: World) -> Stored:
    """
    What is on storage. Raises ResealRefused, UnsupportedVersion,
    UnsupportedClass, and what Reader.read() does.
    """
    sd_id = storage.sd_id
    try:
        lines = storage.read()
    except errors.NotMetadata as e:
        raise errors.ResealRefused(sd_id, e.reason)
    except errors.DamagedMetadata as e:
        raise errors.ResealRefused(sd_id, e.problem)
    world.attempt.sees(lines)
    md = md_lines.parse(lines)
    reason = _obstacle(md, sd_id)
    if reason:
        raise errors.ResealRefused(sd_id, reason)
    flag.require_supported(md.values, sd_id)
    return Stored(lines, md)


def _obstacle(md: md_lines.Metadata, sd_id: str) -> str | None:
    """Why these lines cannot be given a checksum, or None."""
    for key in ("VERSION", "SDUUID"):
        if key not in md.values:
            return f"it has no {key}" if md.values else "it is empty"
    ambiguous = [key for key in md.duplicates if key != md_lines.SEAL]
    if ambiguous:
        keys = ", ".join(printable(key) for key in ambiguous)
        return f"it has several values for {keys}"
    if md.dropped:
        return f"it has a line without '=': {printable(md.dropped[0])}"
    if md.values["SDUUID"] != sd_id:
        return f"its SDUUID is {printable(md.values['SDUUID'])}"
    return None


# What is said of the flag


def _notes_on_flag(
    storage: Reader, found: Stored, history: History
) -> tuple[str, ...]:
    """Notes: what the flag is, and whether it seems to have been lost."""
    try:
        value = flag.read(found.md.values, storage.sd_id).value
    except errors.InvalidFlag as e:
        return (
            f"{e}: it stays so, and the guard goes on refusing the domain",
        )
    if value:
        return ("the flag is not changed: it is a backup domain",)
    notes = ["the flag is not changed: it is not a backup domain"]
    # The copy is only a hint here, so that it cannot be read is no error.
    with contextlib.suppress(errors.Error):
        numbers = history.numbers(storage.sd_id)
        copy = history.get(storage.sd_id, numbers[-1]) if numbers else None
        if copy and copy.action == "set" and copy.after is not False:
            notes.append(
                "this host has set the flag last, after it kept copy"
                f" {numbers[-1]}, and now the flag is gone: if nobody cleared"
                " it, set it again"
            )
    return tuple(notes)
