# SPDX-License-Identifier: GPL-2.0-or-later
"""
A bridge at an engine that is tested (tested.py): box, events, ticks and
reports are that engine's. The data center, the host and what is on storage are
made up, so the engine needs no host.
"""

import io
import uuid

from tests.support.bridge import fake_hosts, tested
from tests.support.bridge.running import settings
from tests.support.bridge.turns import Turns
from tests.support.waiting import wait_until
from vdsm_backup.bridge import entities, flags, rounds
from vdsm_backup.bridge.engine import ORIGIN, Engine
from vdsm_backup.bridge.events import PREFIX
from vdsm_backup.bridge.log import Log

CENTER = str(uuid.uuid4())
HOST = str(uuid.uuid4())


class WithHost(Engine):
    """An engine in which one domain is attached, and its SPM is up."""

    def __init__(self, session, sd_id):
        super().__init__(session)
        self._sd_id = sd_id

    def domains(self):
        found = super().domains()
        return [self._attached(d) for d in found if d.id == self._sd_id]

    def domain(self, sd_id):
        return self._attached(super().domain(sd_id))

    def data_centers(self):
        return [entities.DataCenter(CENTER, "made up", "up")]

    def statuses(self, data_center):
        return {self._sd_id: "active"}

    def hosts(self):
        return [
            entities.Host(
                *(HOST, "spm1", "spm1.example.com", "up", CENTER),
                is_spm=True,
                ssh_user="root",
                ssh_port=22,
                ssh_key="ssh-ed25519 AAAA",
                ssh_fingerprint="",
            )
        ]

    def _attached(self, domain):
        return domain._replace(data_centers=(CENTER,), is_master=False)


class Bridge(Turns):
    """It looks after the one domain that tests may edit."""

    def __init__(self, engine, flag=False, stamp=""):
        """engine: a Tested. flag, stamp: what is on storage."""
        super().__init__()
        self.engine = engine
        self.id = engine.domain
        self.hosts = fake_hosts.FakeHosts()
        self.write(flag, stamp)
        self.settings = settings(
            engine,
            "/none",
            self.directory,
            user=engine.person.user,
            domains=(self.id,),
        )
        self.begin = engine.newest()
        self.said = io.StringIO()
        self.start()

    def open(self, stack, file, known):
        api = WithHost(self.engine.session(), self.id)
        stack.enter_context(api)
        self.bridge = rounds.Bridge(
            api,
            flags.Flags(self.hosts, self.settings.engine),
            self.settings,
            Log({}, self.said),
            known,
            file,
            clock=self.now,
        )

    def turn(self):
        """The next one sees the events of this one."""
        before, ticked = self.engine.newest(), self.engine.box()
        self.bridge.round()
        if self.engine.box() and not ticked:
            wait_until(lambda: self._ours(before))

    # What there is

    def write(self, flag, stamp="", **more):
        """Somebody else has changed the flag on storage."""
        self.hosts.storage[self.id] = fake_hosts.domain(
            self.id, flag, stamp, **more
        )

    @property
    def flag(self):
        return self.hosts.storage[self.id]["flag"]

    @property
    def by(self):
        return self.hosts.storage[self.id]["by"]

    @property
    def row(self):
        return self.bridge.rows[self.id].row

    def ticks(self):
        """How often a bridge has ticked the box."""
        return len(self._ours(self.begin))

    def told(self):
        """Texts of the events that the bridge has added, oldest first."""
        found = []
        for event in reversed(self.engine.events(self.begin)):
            about = event.find("storage_domain")
            if event.findtext("origin") == ORIGIN and about is not None:
                if about.get("id") == self.id:
                    found.append(event.findtext("description"))
        return found

    def _ours(self, after):
        return [
            event
            for event in self.engine.events(after)
            if event.findtext("code") == str(tested.UPDATED)
            and (event.findtext("correlation_id") or "").startswith(PREFIX)
        ]

    def is_quiet(self):
        """Nothing more happens: what there is stays."""
        before = self.ticks(), self.told(), self.flag, self.engine.row()
        self.compare().later(3600).compare()
        now = self.ticks(), self.told(), self.flag, self.engine.row()
        return now == before
