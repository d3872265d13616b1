# SPDX-License-Identifier: GPL-2.0-or-later
"""
A small site in memory: an engine with two data centers, their hosts, and some
storage domains. What people and the world do there is in site_people.py, and
what a bridge sees of it in site_engine.py and site_hosts.py.

It keeps to what is known of real engines and hosts, and knows nothing of how
a bridge decides. `log` has what has happened, for whoever judges it.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple

from tests.support.bridge import fake_hosts
from tests.support.bridge.engine_things import DataCenter, Host, StorageDomain
from vdsm_backup.bridge import entities

# Who does something, beside the bridges.
PERSON = "person"
WORLD = "world"

# The code of events that have nothing to do with domains.
_OTHER = 30

#: How many of them an engine has; it forgets those before.
_EVENTS = 1000


class Entry(NamedTuple):
    """
    who: PERSON, WORLD, or the name of a bridge.
    domain: its UUID, "" if it is about all.
    is_told: whether there is an event of it, or will be.
    begin: of what a bridge sees: entries before that round.
    now: seconds since the epoch.
    """

    who: str
    domain: str
    what: str
    is_told: bool = True
    begin: int = -1
    now: float = 0.0


class Read(NamedTuple):
    """
    What a bridge was shown of a domain that it has asked for.

    before: entries of the log before it. box, flag: None if the other was
        asked for.
    """

    before: int
    who: str
    domain: str
    box: bool | None = None
    flag: str | None = None


class Seen(NamedTuple):
    """An event, and the number of the poll from which the engine tells it."""

    event: entities.Event
    since: int


class Site:
    """
    choices: a random.Random, for all that happens by itself.
    late: whether events come late, or not at all.

    storage: {UUID: DOMAIN of docs/json.md}. older: {UUID: those before}.
    """

    def __init__(self, choices, late, allow_clear, count):
        self.choices = choices
        self.late = late
        self.allow_clear = allow_clear
        self.now = 1_700_000_000.0
        self.poll = 0
        self.log, self.reads = [], []
        self.index = 1000
        self.events = []
        self.dismissed = set()
        #: {custom id: UUID of the domain}, of the events of bridges.
        self.told = {}
        self.centers = [DataCenter("One"), DataCenter("Two")]
        for center in self.centers:
            center.id = self._uuid()
        self.hosts = [self._host(n, c) for c in self.centers for n in "ab"]
        self.domains = {}
        self.storage, self.older = {}, {}
        self._stamps = 0
        for number in range(count):
            self._domain(f"data{number}")
        #: What fails of the engine: "", "away" or "login".
        self.engine_fails = ""
        #: Of hosts, by UUID: which cannot be reached, which lack the plugin.
        self.away, self.plain = set(), set()
        #: Of domains, by UUID.
        self.unreadable, self.hosted_engine = set(), set()
        self.removed = set()
        #: The domain that the engine writes just now.
        self.written = ""
        #: {UUID: what always fails with it}, which nobody mends, and what
        #: fails until all is calm.
        self.broken, self.ailing = {}, {}
        self.is_calm = False
        self.backup = None
        # An engine always has some.
        self.add_event(_OTHER)

    def _uuid(self):
        bits = self.choices.getrandbits(128)
        return str(uuid.UUID(int=bits, version=4))

    def _host(self, letter, center):
        spm = "spm" if letter == "a" else "none"
        name = f"{center.name}-{letter}".lower()
        return Host(name, center, spm=spm, id=self._uuid())

    def _domain(self, name):
        choices = self.choices
        center = choices.choice(self.centers)
        made = StorageDomain(name, center, id=self._uuid())
        made.backup = choices.random() < 0.5
        self.domains[made.id] = made
        flag = choices.choice(["on", "off", "never"])
        self.older[made.id] = []
        self.storage[made.id] = self.row(made.id, flag, "at first")

    # The log

    def note(self, who, domain, what, is_told=True, begin=-1):
        entry = Entry(who, domain, what, is_told, begin, self.now)
        self.log.append(entry)

    def is_read(self, who, domain, **what):
        self.reads.append(Read(len(self.log), who, domain, **what))

    # Storage

    def row(self, sd_id, flag, by):
        """A new DOMAIN. flag: on, off, or never."""
        domain = self.domains[sd_id]
        self._stamps += 1
        stamp = "" if flag == "never" else f"stamp {self._stamps}"
        pool = domain.data_center.id if domain.data_center else None
        more = {"by": by, "reason": "because"} if stamp else {}
        return fake_hosts.domain(sd_id, flag == "on", stamp, pool=pool, **more)

    def flag(self, sd_id):
        """on, off, or never."""
        row = self.storage[sd_id]
        if row["flag"]:
            return "on"
        return "off" if row["since"] else "never"

    def write(self, sd_id, row):
        self.older[sd_id].append(self.storage[sd_id])
        self.storage[sd_id] = row

    def stamps_off(self, sd_id):
        """Of its flag, whenever it was off."""
        rows = [*self.older[sd_id], self.storage[sd_id]]
        return [_stamp(row) for row in rows if not row["flag"]]

    def can_have_flag(self, sd_id):
        is_data = self.domains[sd_id].type == "data"
        return is_data and sd_id not in self.hosted_engine

    # The engine

    def listed(self):
        return [d for d in self.domains.values() if d.id not in self.removed]

    def spm(self, center):
        for host in self.hosts:
            if host.data_center is center and host.spm == "spm":
                return host
        return None

    def add_event(
        self, code, sd_id="", user="", correlation="", may_be_lost=False
    ):
        """Returns whether the engine will ever tell it."""
        self.index += self.choices.randrange(1, 4)
        if self.late and may_be_lost and self.choices.random() < 0.12:
            return False
        late = self.choices.choice([0, 0, 0, 1, 2]) if self.late else 0
        self._append(code, sd_id, user, correlation, late)
        if late and self.choices.random() < 0.7:
            # An event with a larger index can be read before it.
            self.index += 1
            self._append(_OTHER, "", "", "", 0)
        return True

    def _append(self, code, sd_id, user, correlation, late):
        newest = self.events[-1].event.time if self.events else 0
        when = max(int(self.now * 1000), newest + 1)
        event = entities.Event(
            self.index, when, code, user, correlation, sd_id
        )
        self.events.append(Seen(event, self.poll + late))
        del self.events[:-_EVENTS]

    def back_up(self):
        """What a restore brings back later."""
        rows = {d.id: (d.backup, d.comment) for d in self.listed()}
        self.backup = self.index, rows

    def restore(self):
        """Boxes, and the sequence of events, as they were once."""
        index, rows = self.backup
        for sd_id, (box, comment) in rows.items():
            self.domains[sd_id].backup = box
            self.domains[sd_id].comment = comment
        self.index = index
        self.events = [e for e in self.events if e.event.number <= index]
        self.dismissed = {n for n in self.dismissed if n <= index}
        self.backup = None


def _stamp(row):
    """As flags.Seen has it."""
    texts = (row[name] for name in ("since", "by", "reason"))
    return " ".join(text for text in texts if text)
