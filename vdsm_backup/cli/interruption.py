# SPDX-License-Identifier: GPL-2.0-or-later
"""
The end of a change that does not come to its end: the journal is told, and who
interrupts it is told whether the domain was changed.
"""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import attempt as attempts
from vdsm_backup.change import audit
from vdsm_backup.change.attempt import Attempt
from vdsm_backup.cli import target
from vdsm_backup.host import caller
from vdsm_backup.metadata import flag
from vdsm_backup.processes import signals
from vdsm_backup.text import is_uuid, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNKNOWN = ", and the outcome is unknown (error 982)"


@contextlib.contextmanager
def told(args: argparse.Namespace, reason: str = "") -> Iterator[Attempt]:
    """
    A context in which a change is made. Tells the journal how the change has
    ended, unless make() of changes.py has done so.

    reason: why the change is made.

    Raises Interrupted, by what the body has noted in the Attempt, if a signal
    ends it.
    """
    by = getattr(args, "by", None)
    who = caller.claimed(by) if by else caller.user_and_host()
    attempt = Attempt(
        args.command, reason, flag.changed_by(*who), attempts.COMMAND
    )
    try:
        yield attempt
    except KeyboardInterrupt as e:
        signals.ignore_ends()
        error = _error(attempt, e, args)
        _tell(attempt, error, args)
        raise error
    except Exception as e:
        signals.ignore_ends()
        if isinstance(e, errors.Overridable):
            without = {**vars(args), e.option: None}
            given = argparse.Namespace(**without)
            e.again = target.again(given, attempt.sd_id, with_path=True)
        _tell(attempt, e, args)
        raise


def unknown(
    args: argparse.Namespace, interrupt: KeyboardInterrupt
) -> errors.Interrupted:
    """Of a signal that came when told() dealt with another end."""
    error = errors.Interrupted(_UNKNOWN)
    error.number = signals.number_of(interrupt)
    error.next_step = f"look: {target.show(args, '')}"
    return error


def _tell(
    attempt: Attempt, error: Exception, args: argparse.Namespace
) -> None:
    if args.dry_run or getattr(error, "wrong_usage", False):
        return
    if not attempt.sd_id and args.sd:
        # It was not found.
        sd = target.plain(args.sd)
        attempt.sd_id, attempt.name = (sd, "") if is_uuid(sd) else ("", sd)
    audit.ended(attempt, error)


def _error(
    attempt: Attempt, interrupt: KeyboardInterrupt, args: argparse.Namespace
) -> errors.Interrupted:
    """What to say of an interrupt, and what to do next."""
    state = _state(attempt, args)
    failed = _failed_before(interrupt)
    if failed:
        state += f"; before that: error {failed.code}: {failed}"
    error = errors.Interrupted(state)
    error.number = signals.number_of(interrupt)
    error.next_step = _next_step(attempt, args)
    return error


def _state(attempt: Attempt, args: argparse.Namespace) -> str:
    if not attempt.is_known:
        return _UNKNOWN
    if not attempt.changes:
        return ", nothing was changed"
    if attempt.changes > 1:
        # settle() in change/steps.py.
        return ", the change was taken back"
    what = "has the right checksum (_SHA_CKSUM) again"
    if args.command != "reseal":
        what = f"{'IS' if attempt.is_flagged else 'is NOT'} a backup domain"
    return f" after the change: {printable(attempt.written_name)} {what}"


def _next_step(attempt: Attempt, args: argparse.Namespace) -> str:
    if attempt.is_known and not attempt.changes:
        again = target.again(args, attempt.sd_id, with_path=True)
        return f"to make the change: {again}"
    return f"look: {target.show(args, attempt.sd_id)}"


def _failed_before(interrupt: KeyboardInterrupt) -> errors.Error | None:
    """The error that the command was about to end with, if any."""
    before: BaseException | None = interrupt
    while before is not None and not isinstance(before, errors.Error):
        before = before.__context__
    return before
