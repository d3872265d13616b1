# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge in a site (site.py): the real one, from the service on, which may be
killed before each of its steps.
"""

from __future__ import annotations

import contextlib
import io
import os

from tests.support.bridge import site_engine, site_hosts
from tests.support.bridge.site import Entry
from vdsm_backup import errors
from vdsm_backup.bridge import flags, rounds, service, shapes
from vdsm_backup.bridge.log import Log
from vdsm_backup.bridge.settings import Settings
from vdsm_backup.bridge.state_file import StateFile


class Killed(BaseException):
    """As by SIGKILL: what is in memory is gone."""


class Service(service.Service):
    """What it shows is not written."""

    def _publish(self):
        pass


class File(StateFile):
    def __init__(self, path, step, chance):
        super().__init__(path)
        self._step = step
        self._chance = chance

    def save(self, state):
        self._step("save")
        if self._chance("disk"):
            raise errors.BridgeState("/state", "No space left on device")
        super().save(state)


def settings(directory, on_untick_clear):
    return Settings(
        url=site_engine.URL,
        ca_file=None,
        user="bridge@internal",
        password_file="/none",
        host_user="",
        identity_file="/none",
        poll=5,
        compare=300,
        on_untick_clear=on_untick_clear,
        grace=1800,
        domains=(),
        state=directory,
        metrics="",
    )


class Bridge:
    """
    step: called with the name of each step before it; may raise Killed.
    chance: called with the name of a fault; whether it is there now.
    """

    def __init__(self, name, site, ours, step, chance):
        self.name = name
        self.site = site
        self.settings = ours
        self._step = step
        self._chance = chance
        #: How much its clock differs.
        self.skew = 0.0
        #: Whether it runs, and until when it sleeps.
        self.is_there, self.wakes_at = True, 0.0
        self.said = io.StringIO()
        self._file = None
        self._rows = {}
        self.start()

    @property
    def path(self):
        return os.path.join(self.settings.state, f"{self.name}.json")

    def clock(self):
        return self.site.now + self.skew

    def start(self):
        """Go on from the state on disk, if there is one."""
        self._file = File(self.path, self._step, self._chance)
        self._file.__enter__()
        known, _ = self._file.load()
        more = self.site, self.name, self._step, self._chance
        engine = site_engine.Engine(*more)
        log = Log({}, self.said)
        self.bridge = rounds.Bridge(
            engine,
            flags.Flags(site_hosts.Hosts(*more), self.settings.engine),
            self.settings,
            log,
            known,
            self._file,
            clock=self.clock,
        )
        self._service = Service(
            self.settings, engine, self.bridge, log, True, clock=self.clock
        )
        self._rows = {}

    def close(self):
        self._file.__exit__()

    def restart(self, lose_state=False):
        self.close()
        if lose_state:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.path)
            self.site.note(self.name, "", "state lost")
        self.start()

    def waits(self, sd_id):
        """Whether a look at this domain has failed, and must wait."""
        return self.bridge.agenda.failing.waits(sd_id, self.clock())

    def turn(self):
        """One round, if it is awake."""
        if not self.is_there or self.site.now < self.wakes_at:
            return
        self.site.poll += 1
        begin, epoch = len(self.site.log), self.bridge.state.epoch
        try:
            delay = self._service.turn()
        except Killed as killed:
            self.site.note(self.name, "", "killed")
            known = self.bridge.state
            self._note_epoch(begin, epoch)
            self.restart()
            if str(killed) != "save":
                self._has_saved_acts(begin, known)
            return
        self.wakes_at = self.site.now + delay
        self._note_epoch(begin, epoch)
        self._note_rows(begin)

    def _note_epoch(self, begin, before):
        if self.bridge.state.epoch != before:
            # It began before all else in this round.
            self.site.log.insert(begin, Entry(self.name, "", "new epoch"))

    def _has_saved_acts(self, begin, known):
        """What became of the acts of this round, if it was killed later."""
        for entry in self.site.log[begin:]:
            if entry.who == self.name and entry.what in ("put", "set"):
                saved = self.bridge.state.domains.get(entry.domain)
                assert saved == known.domains.get(entry.domain), entry

    def _note_rows(self, begin):
        """What it has seen in this round, of each domain that it looked at."""
        for sd_id, row in self.bridge.rows.items():
            if self._rows.get(sd_id) is not row:
                self._rows[sd_id] = row
                box = {True: "on", False: "off", None: "?"}[row.box]
                if row.row == 0 and row.box is not None:
                    self.site.note(self.name, sd_id, "fails to look")
                    continue
                what = f"sees {box}/{row.flag}"
                if row.act != shapes.NOTHING:
                    what += f", about to {row.act}"
                what = f"{what}, row {row.row}"
                self.site.note(self.name, sd_id, what, begin=begin)
