# SPDX-License-Identifier: GPL-2.0-or-later
"""What a change is asked for, and what has become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from vdsm_backup import errors


class Request(NamedTuple):
    """
    What the user asked for.

    action: "set", "clear", "restore" or "reseal".
    expected: the value of the flag as the user knows it; None: any.
    replace: whether another reason replaces the one that is there. If not, a
        flag that is there for another reason is an error, and a domain that
        has no flag stays as it is when it is to be cleared.
    The others are options of the command line.
    """

    action: str
    reason: str = ""
    dry_run: bool = False
    despite_open_images: bool = False
    accept_origin: bool = False
    pool_is_gone: bool = False
    expected: bool | None = None
    replace: bool = True

    @property
    def value(self) -> bool:
        """The value that the flag is to have."""
        return self.action == "set"


class Result(NamedTuple):
    """
    lines: what is on storage now; after a dry run, what would be.
    before: what was there. None if no lines were, or if it is not known.
    written: what we wrote, if we did. Somebody else may have changed it since.
    destroyed: why what is there now is no metadata, if somebody else has
        destroyed it since; `lines` are what we wrote then.
    """

    changed: bool
    lines: list[str]
    notes: tuple[str, ...] = ()
    before: list[str] | None = None
    written: list[str] | None = None
    destroyed: errors.Error | None = None
