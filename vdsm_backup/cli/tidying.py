# SPDX-License-Identifier: GPL-2.0-or-later
"""
What runs leave on this host: the lockspace of a domain, which keeps VDSM from
joining it, and LVs that are active. A run that changes a domain tidies up what
killed runs have left of it, and tells what it cannot tidy up.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.host import journal
from vdsm_backup.lease import client
from vdsm_backup.lease.request import LeaseRequest
from vdsm_backup.lvm import activation
from vdsm_backup.processes.records import Record
from vdsm_backup.storage.block import BlockStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from vdsm_backup.config import Config
    from vdsm_backup.storage.base import Storage


def leave_lockspace(
    sd_id: str,
    options: Config,
    timeout: float | None,
    progress: Callable[[str], None],
) -> None:
    """
    Leave the lockspace of a domain, which may be gone, if a killed run left it
    joined.

    timeout, progress: see LeftBehind.

    Raises SanlockFailed, LeaseTimeout.
    """
    if not Record(options.run_dir, sd_id).exists():
        return
    request = LeaseRequest.without_storage(
        sd_id,
        timeout or options.lease_timeout,
        os.path.abspath(options.run_dir),
    )
    client.tidy(request, progress)


class LeftBehind:
    """
    What is left behind of one domain.

    notes: on what could not be tidied up, and on what this run leaves.
    """

    def __init__(
        self,
        storage: Storage,
        options: Config,
        timeout: float | None,
        progress: Callable[[str], None],
    ) -> None:
        """
        timeout: seconds for sanlock. None: the configured ones.
        progress: called with a text for somebody who waits.
        """
        self._storage = storage
        self._options = options
        self._timeout = timeout
        self._progress = progress
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """
        Note what this host is left with. It outlives the command, so the
        journal has it, too.
        """
        self.notes.append(text)
        sd_id = self._storage.sd_id
        message = f"Storage domain {sd_id}: {text}"
        journal.send(message, journal.WARNING, domain=sd_id)

    def tidy(self) -> None:
        """
        Leave the lockspace that a killed run left joined, and deactivate the
        LVs that it left active. Raises none of our errors: what could not be
        done is a note.
        """
        storage, run_dir = self._storage, self._options.run_dir
        joined, active = Record(run_dir, storage.sd_id).exists(), False
        tidying = None
        if isinstance(storage, BlockStorage):
            tidying = activation.Tidying(run_dir, storage.sd_id, self.note)
            active = tidying.left_behind()
        if not joined and not active:
            return
        try:
            # The lockspace can be left without the domain: metadata or a VG
            # that cannot be used do not keep us from that.
            if joined:
                leave_lockspace(
                    storage.sd_id, self._options, self._timeout, self._progress
                )
                joined = False
            if active:
                with storage.lease_paths(tidying):
                    pass
        except errors.Error as e:
            what = "the lockspace joined" if joined else "LVs active"
            self.note(f"a killed run may have left {what}: {e}")
