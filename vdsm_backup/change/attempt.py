# SPDX-License-Identifier: GPL-2.0-or-later
"""
One attempt to change a domain: who makes it and why, how far it has come, and
what became of it. audit.py tells of it.

An attempt may end anywhere, by an error or by a signal, which is an exception
that may come at any time. So how far it has come is noted here before and
after each step of which that depends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.metadata import domain, flag
from vdsm_backup.metadata import lines as md_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.storage.base import Reader

# How an attempt has come to us: by the command line, by the verb of VDSM.
COMMAND = "command"
VDSM = "vdsm"

# What became of it, the values of RESULT.
DONE = "done"
REFUSED = "refused"
FAILED = "failed"
INTERRUPTED = "interrupted"
UNDONE = "undone"
UNKNOWN = "unknown"

_NAME = "DESCRIPTION"

# Errors after which others have changed the domain, or nobody knows. What was
# there before tells nothing of what is there now.
_UNCERTAIN = (
    errors.OutcomeUnknown,
    errors.ChangedByOther,
    errors.NotAsAnswered,
    errors.MetadataChanged,
    *domain.NOT_WHOLE,
)


class Attempt:
    """
    action: as in Request. reason: why, or "". by: user@host. via: COMMAND or
        VDSM.
    sd_id, name: of the domain, once they are known; else "".
    host_id: by which this host has the SDM lease, once it has.
    copy: that was kept for the change, if one was.
    was_told: the journal has been told of it, or whoever made the change for
        us tells it.
    """

    def __init__(self, action: str, reason: str, by: str, via: str) -> None:
        self.action = action
        self.reason = reason
        self.by = by
        self.via = via
        self.sd_id = ""
        self.name = ""
        self.host_id: int | None = None
        self.copy: Copy | None = None
        self.was_told = False
        self._history: History | None = None
        self._before: bool | None = None
        self._is_known = True
        self._changes = 0
        #: What was written last.
        self._values: Mapping[str, str] = {}

    # What is noted

    def sees(self, lines: Sequence[str]) -> None:
        """These lines are on storage, before the change."""
        values = md_lines.parse(lines).values
        self.name = values.get(_NAME, "")
        self._before = flag_in(lines, self.sd_id)

    def keep(
        self, history: History, storage: Reader, lines: list[str]
    ) -> None:
        """Keep a copy of what is there. Raises what History.keep() does."""
        self._history = history
        self.copy = history.keep(
            storage, lines, self.by, self.action, self.reason, self.via
        )

    def conclude(
        self, result: str, after: bool | None, code: int | None
    ) -> None:
        """
        Have the record of the copy say what became of the attempt. The
        arguments are those of Copy. Raises HistoryFailed.
        """
        if self._history and self.copy:
            self._history.conclude(self.copy, result, after, code)

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """
        For the body of a write. It calls begins() and written().

        An error that is raised says that nothing was written, see Lease in
        world.py; but for OutcomeUnknown.
        """
        was_known = self._is_known
        try:
            yield
        except errors.OutcomeUnknown:
            raise
        except errors.Error:
            self._is_known = was_known
            raise

    @contextlib.contextmanager
    def by_others(self, values: Mapping[str, str]) -> Iterator[None]:
        """
        The body has somebody else make the change. values: those that are on
        storage then.
        """
        self.begins()
        yield
        self.changed(values)

    def begins(self) -> None:
        """From now on, nobody knows what is on storage."""
        self._is_known = False

    def at_step(self, name: str) -> None:
        """For the steps of a writer process."""
        if name == "commit":
            self.begins()

    def written(self, lines: Sequence[str]) -> None:
        """These lines are on storage."""
        self.changed(md_lines.parse(lines).values)

    def changed(self, values: Mapping[str, str]) -> None:
        """The change is on storage, and these are the values there."""
        self._values = values
        self._changes += 1
        self._is_known = True

    # What is known

    @property
    def is_known(self) -> bool:
        """Whether it is known what we have left on storage."""
        return self._is_known

    @property
    def changes(self) -> int:
        """How often it has written; the second time, it took it back."""
        return self._changes

    @property
    def is_flagged(self) -> bool:
        """Whether what was written last has the flag."""
        return self._values.get(flag.BACKUP) == "True"

    @property
    def written_name(self) -> str:
        """The domain's name in what was written last, or its UUID."""
        return self._values.get(_NAME) or self.sd_id

    @property
    def before(self) -> bool | None:
        """The flag before; None: nobody knows."""
        return self._before

    def after(self, error: BaseException) -> bool | None:
        """The flag after this error has ended it; None: nobody knows."""
        if isinstance(error, errors.UndoFailed):
            return True
        if isinstance(error, (errors.FlagUndone, errors.WriteFailed)):
            return self._before
        if isinstance(error, _UNCERTAIN) or not self._is_known:
            return None
        return self.is_flagged if self._changes else self._before


def result_of(error: BaseException) -> str:
    """What became of an attempt that this error has ended."""
    if isinstance(error, errors.OutcomeUnknown):
        return UNKNOWN
    if isinstance(error, errors.FlagUndone):
        return UNDONE
    if isinstance(error, errors.Interrupted):
        return INTERRUPTED
    if isinstance(error, errors.Error):
        return REFUSED if error.refusal else FAILED
    # VDSM's own say so, too.
    return REFUSED if getattr(error, "expected", False) else FAILED


def flag_in(lines: Sequence[str], sd_id: str) -> bool | None:
    """The flag in lines that are whole. None: they are not."""
    md = md_lines.parse(lines)
    if md.seal != "valid":
        return None
    try:
        return flag.read(md.values, sd_id).value
    except errors.InvalidFlag:
        return None
