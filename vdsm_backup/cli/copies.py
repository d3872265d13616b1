# SPDX-License-Identifier: GPL-2.0-or-later
"""
Errors of metadata that is gone or damaged get to know which copy of it this
host keeps: the next step is another one where there is none, and where the
newest one has no flag.
"""

from __future__ import annotations

from vdsm_backup import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vdsm_backup.change.copy_record import Copy
    from vdsm_backup.change.history import History
    from vdsm_backup.config import Config
    from vdsm_backup.metadata.domain import Checked


def tell(found: Iterable[Exception | None], options: Config) -> None:
    """
    Tell each of these errors which copy there is. Raises none of our errors:
    where the history cannot be read, nothing is told.
    """
    some = [
        e for e in found if isinstance(e, errors.Restorable) and not e.said
    ]
    if not some:
        return
    history = kept_here(options)
    for error in some:
        try:
            whole = newest(history, error.domain)
        except errors.HistoryFailed:
            continue
        error.copy = (whole[0].number, whole[1].flag.value) if whole else ()


def kept_here(options: Config) -> History:
    """The copies that this host keeps of metadata."""
    # Commands that find nothing wrong do not need it.
    from vdsm_backup.change import history

    return history.History(options.history_dir)


def newest(
    history: History,
    sd_id: str,
    passed_over: Callable[[int, errors.Error], None] = lambda *_: None,
) -> tuple[Copy, Checked] | None:
    """
    The newest copy of a domain that is whole, and what it says. None: there is
    none.

    passed_over: called for each newer copy, with its number, and why it cannot
        be used.

    Raises HistoryFailed, if not even the numbers are known.
    """
    from vdsm_backup.metadata import domain

    for number in reversed(history.numbers(sd_id)):
        try:
            copy = history.get(sd_id, number)
            return copy, domain.check(copy.lines, sd_id)
        except errors.Error as e:
            passed_over(number, e)
    return None
