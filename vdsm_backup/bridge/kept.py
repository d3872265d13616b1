# SPDX-License-Identifier: GPL-2.0-or-later
"""What a bridge remembers, and how that gets onto the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors

if TYPE_CHECKING:
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.shapes import Memory
    from vdsm_backup.bridge.state import State
    from vdsm_backup.bridge.state_file import StateFile


class Kept:
    """
    state: what is remembered now.
    is_full: whether it could not be saved last.

    file: None for a bridge that changes nothing.
    """

    def __init__(self, state: State, file: StateFile | None, log: Log) -> None:
        self.state = state
        self.is_full = False
        self._file = file
        self._log = log

    @property
    def has_file(self) -> bool:
        return self._file is not None

    def remember(self, sd_id: str, new: Memory) -> None:
        domains = {**self.state.domains, sd_id: new}
        self.state = self.state._replace(domains=domains)

    def save(self) -> None:
        """Raises BridgeState."""
        if self._file is not None:
            self.is_full = True
            self._file.save(self.state)
            self.is_full = False
            self._log.over("state", "The state can be saved again")

    def save_as_far_as_it_is(self) -> None:
        """
        After an error, which this must not hide: what is known so far. The
        next round tries it again.
        """
        try:
            self.save()
        except errors.BridgeState as e:
            self._log.problem("state", e.with_code(), e.name)
