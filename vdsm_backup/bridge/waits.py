# SPDX-License-Identifier: GPL-2.0-or-later
"""
What has to wait, in the log: a line when that begins, when there is another
reason, and when it is over. `status` has it meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup.bridge import flags
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup import errors
    from vdsm_backup.bridge.entities import Domain
    from vdsm_backup.bridge.inventory import Inventory
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.rows import Row
    from vdsm_backup.bridge.shapes import Answer

# The log has why an act has failed (acts.py), and an event is waited for some
# seconds only.
_TOLD_OTHERWISE = ("failed", flags.WITHOUT_PLUGIN, "hosted-engine", "event")


def tell(log: Log, row: Row, answer: Answer) -> None:
    """row: of the domain, with this answer."""
    if row.box is None:
        # The engine has locked the domain for a moment: nothing is known.
        return
    name = f"{printable(row.name)} ({row.id})"
    if answer.pending and answer.pending not in _TOLD_OTHERWISE:
        text = f"The flag of {name} has to wait: {row.why}"
        log.problem(_key(row.id), text, answer.pending)
    else:
        log.over(_key(row.id), f"The flag of {name} has to wait no longer")
    if row.differs_since is None:
        # By somebody else; of an act that is done at last acts.py tells.
        log.over(f"act {row.id}", f"What had failed is needed no more: {name}")


def failed(log: Log, domain: Domain, error: errors.Error) -> None:
    """A look at it."""
    name = f"{printable(domain.name)} ({domain.id})"
    text = f"A look at {name} has failed: {error.with_code()}"
    log.problem(f"look {domain.id}", text, error.name)


def looked(log: Log, domain: Domain) -> None:
    """A look at it has not failed."""
    name = f"{printable(domain.name)} ({domain.id})"
    log.over(f"look {domain.id}", f"Looks at {name} work again")


class Centers:
    """Data centers whose domains cannot be looked after."""

    def __init__(self, log: Log) -> None:
        self._log = log
        # {UUID: what is wrong}
        self._problems: dict[str, str] = {}

    @property
    def problem(self) -> str:
        return "; ".join(self._problems.values())

    def see(self, found: Inventory) -> None:
        for center, error in found.unread.items():
            known = found.data_centers.get(center)
            name = printable(known.name) if known else center
            key, what = f"center {center}", f"Data center {name}"
            if error is None:
                self._problems.pop(center, None)
                self._log.over(key, f"{what} can be looked after again")
            else:
                text = f"{what} cannot be looked after: {error.with_code()}"
                self._problems[center] = text
                self._log.problem(key, text, error.name)
        for center in self._problems.keys() - found.data_centers.keys():
            del self._problems[center]
            self._log.over(f"center {center}", "A data center is gone")


def gone(log: Log, row: Row) -> None:
    """The engine does not have the domain any more."""
    text = f"The engine no longer has {printable(row.name)} ({row.id})"
    for kind in ("waits", "look", "act", "report"):
        log.over(f"{kind} {row.id}", text)


def _key(sd_id: str) -> str:
    return f"waits {sd_id}"
