# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where the runbooks of a restored engine are typed (docs/bad-night.md): the host
and the engine of round_stage.py, and a backup of the engine's database.

Public methods without arguments are what a page may say that happens.
"""

from tests.support.bridge import round_stage
from tests.support.clifixtures import A
from tests.support.runbook_stage import LOST
from tests.support.storage import filedomain
from vdsm_backup.metadata import lines as md_lines


class Stage(round_stage.Stage):
    """
    _saved: of the database: the Backup box, and the index of the last event.
    """

    def __init__(self):
        super().__init__()
        self._first.center.id = LOST
        # What the engine did before it was backed up.
        self._first.engine.add_event(956, user=round_stage.ANNA)
        self._saved = None

    def flagged_since_the_backup(self):
        """Anna has ticked the box, and the bridge has seen it."""
        self._back_up()
        self._tick()
        self._attach()

    def cleared_since_the_backup(self):
        """When it was backed up the box was ticked."""
        self._tick()
        self._back_up()
        self.anna_unticks_the_box()
        self.ten_seconds_pass()
        self.types(
            "host1",
            f"vdsm-backup-domain clear {A} --reason 'copies moved to tape'",
        )
        self.ten_seconds_pass()
        self._attach()

    def the_engine_is_restored(self):
        """From the backup. The storage is not in it."""
        box, index = self._saved
        self._first.domain.backup = box
        self._first.engine.restore(self._first.engine.index - index)

    def _back_up(self):
        self._saved = self._first.domain.backup, self._first.engine.index

    def _tick(self):
        # The bridge has run before, so the tick has an event for it.
        self.ten_seconds_pass()
        self.anna_ticks_the_box()
        self.ten_seconds_pass()

    def _attach(self):
        """
        On storage, as VDSM does it. A host would ask its VDSM for a change
        from now on, and there is none here.
        """
        host = self._real.host
        lines = md_lines.flush({**host.values(A), "POOL_UUID": LOST})
        filedomain.put(host.mount, A, lines)
