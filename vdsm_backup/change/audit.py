# SPDX-License-Identifier: GPL-2.0-or-later
"""
What became of an attempt to change a domain, in the journal and in the record
of the copy that was kept for it: docs/audit.md.

The journal gets one entry an attempt, also where nothing had to be changed.
Nothing here can make a change fail that has been made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.change import attempt as attempts
from vdsm_backup.host import journal
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.change.attempt import Attempt
    from vdsm_backup.change.request import Result

_STATES = {
    True: "is a backup domain",
    False: "is not a backup domain",
    None: "has a flag that cannot be read",
}


def done(attempt: Attempt, result: Result) -> tuple[str, ...]:
    """
    Tell of an attempt that has come to its end. Returns notes: what of that
    could not be done.
    """
    after = attempts.flag_in(result.lines, attempt.sd_id)
    before = attempt.before
    changed = "now" if result.changed else "and nothing had to be changed"
    text = f"{_title(attempt)} {_STATES[after]} {changed}{_about(attempt)}"
    weaker = result.changed and after is False and before is not False
    priority = journal.WARNING if weaker else journal.NOTICE
    return _tell(attempt, text, priority, attempts.DONE, after, None)


def ended(attempt: Attempt, error: BaseException) -> tuple[str, ...]:
    """
    Tell of an attempt that this error has ended, unless it was told of. The
    error may be one of VDSM. Returns notes as done().
    """
    result, after = attempts.result_of(error), attempt.after(error)
    known = isinstance(error, errors.Error)
    code = getattr(error, "code", None)
    if not isinstance(code, int):
        code = errors.InternalError.code
    text = str(error) if known else f"{type(error).__name__}: {error}"
    mild = [attempts.REFUSED, attempts.UNDONE]
    if attempt.is_known:
        mild.append(attempts.INTERRUPTED)
    priority = journal.WARNING if result in mild else journal.ERR
    whole = f"{printable(text)}{_about(attempt)}"
    return _tell(attempt, whole, priority, result, after, code)


def _tell(
    attempt: Attempt,
    text: str,
    priority: int,
    result: str,
    after: bool | None,
    code: int | None,
) -> tuple[str, ...]:
    if attempt.was_told:
        return ()
    attempt.was_told = True
    copy = attempt.copy
    journal.send(
        f"{attempt.action} {result}: {text}",
        priority,
        action=attempt.action,
        result=result,
        domain=attempt.sd_id or None,
        name=attempt.name or None,
        before=_word(attempt.before),
        after=_word(after),
        reason=attempt.reason or None,
        by=attempt.by,
        host_id=attempt.host_id,
        via=attempt.via,
        copy=copy.number if copy else None,
        code=code,
    )
    try:
        attempt.conclude(result, after, code)
    except errors.HistoryFailed as e:
        note = f"the history does not say how the change has ended: {e}"
        journal.send(note, journal.WARNING, domain=attempt.sd_id)
        return (note,)
    return ()


def _title(attempt: Attempt) -> str:
    name = printable(attempt.name or "-")
    return f"storage domain {name} ({attempt.sd_id})"


def _about(attempt: Attempt) -> str:
    about = f"; by {printable(attempt.by)}"
    if attempt.reason:
        about += f": {printable(attempt.reason)}"
    return about


def _word(value: bool | None) -> str:
    return "unknown" if value is None else str(value)
