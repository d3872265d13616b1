# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a change says when it is interrupted: whether the domain was changed.

A signal is an exception that may come anywhere. So who writes notes here how
far the change has come, before and after each step of which that depends.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.cli import target
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.processes import signals
from vdsm_backup.text import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence

_NAME = "DESCRIPTION"


class Stage:
    """
    How far the change of one domain has come.

    sd_id: its UUID, once it was found.
    """

    def __init__(self) -> None:
        self.sd_id = ""
        self._is_known = True
        self._changes = 0
        #: What was written last.
        self._values: Mapping[str, str] = {}

    @contextlib.contextmanager
    def write(self) -> Iterator[None]:
        """
        For the body of a write. It calls begins() and written().

        An error that is raised says that nothing was written, see Lease in
        change/world.py; but for OutcomeUnknown.
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

    def error(
        self, interrupt: KeyboardInterrupt, args: argparse.Namespace
    ) -> errors.Interrupted:
        """What to say of an interrupt, and what to do next."""
        state = self._state(args)
        failed = _failed_before(interrupt)
        if failed:
            state += f"; before that: error {failed.code}: {failed}"
        error = errors.Interrupted(state)
        error.number = signals.number_of(interrupt)
        error.next_step = self._next_step(args)
        return error

    def _state(self, args: argparse.Namespace) -> str:
        if not self._is_known:
            return ", and the outcome is unknown (error 982)"
        if not self._changes:
            return ", nothing was changed"
        if self._changes > 1:
            # settle() in change/change.py.
            return ", the change was taken back"
        name = self._values.get(_NAME) or self.sd_id
        what = "has the right checksum (_SHA_CKSUM) again"
        if args.command != "reseal":
            flagged = self._values.get(flag.BACKUP) == "True"
            what = f"{'IS' if flagged else 'is NOT'} a backup domain"
        return f" after the change: {printable(name)} {what}"

    def _next_step(self, args: argparse.Namespace) -> str:
        if self._is_known and not self._changes:
            again = target.again(args, self.sd_id, with_path=True)
            return f"to make the change: {again}"
        return f"look: {target.show(args, self.sd_id)}"


@contextlib.contextmanager
def told(args: argparse.Namespace) -> Iterator[Stage]:
    """
    A context in which a change is made. Raises Interrupted, by what the body
    has noted in the Stage, if a signal ends it.
    """
    stage = Stage()
    try:
        yield stage
    except KeyboardInterrupt as e:
        signals.ignore_ends()
        raise stage.error(e, args)


def _failed_before(interrupt: KeyboardInterrupt) -> errors.Error | None:
    """The error that the command was about to end with, if any."""
    before: BaseException | None = interrupt
    while before is not None and not isinstance(before, errors.Error):
        before = before.__context__
    return before
