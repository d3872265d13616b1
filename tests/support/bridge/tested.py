# SPDX-License-Identifier: GPL-2.0-or-later
"""
An engine that tests/engine tests, and what these tests may change there: the
storage domain that the environment names for it, and events about it.
"""

import contextlib
import uuid
from typing import NamedTuple
from xml.etree import ElementTree

from tests.support.bridge import real_engine
from tests.support.bridge.connected import TIMEOUT
from tests.support.bridge.engine import PASSWORD, USER
from tests.support.bridge.engine_things import (
    DataCenter,
    Host,
    StorageDomain,
)
from tests.support.bridge.engine_xml import element, text
from tests.support.bridge.rest import Rest
from tests.support.bridge.running import our_hooks
from tests.support.closing import Closing
from tests.support.waiting import wait_until
from vdsm_backup.bridge.engine import Engine
from vdsm_backup.bridge.session import Session

UPDATED = 958

# What somebody who edits a domain writes, all of it (StorageDomainMapper). Not
# what of it extends a block domain.
EDITABLE = (
    "name",
    "description",
    "comment",
    "backup",
    "critical_space_action_blocker",
    "discard_after_delete",
    "warning_low_space_indicator",
    "wipe_after_delete",
)

# Correlation ids of tests begin with it: no bridge's do.
MARK = "engine-test-"


class Person(NamedTuple):
    """Somebody who logs in."""

    user: str
    password: str


class Tested(Closing):
    """
    domain: the UUID of the domain that tests may edit, busy: of one that a VM
        runs on. "": none.
    person: whose session the tests have. other: another one, or None.
    stand_in: None if it is a real engine.
    """

    def __init__(self, url, ca_file, person, stand_in=None, **more):
        self.url = url
        self.ca_file = ca_file
        self.person = person
        self.stand_in = stand_in
        self.domain = more.get("domain", "")
        self.busy = more.get("busy", "")
        self.other = more.get("other")
        # Sessions by their persons, and all that was made.
        self._open = {}
        self._made = []

    def close(self):
        for session in self._open.values():
            session.logout()
        for made in self._made:
            made.close()

    def session(self, ca_file=None, password=None):
        """As a bridge has it."""
        return Session(
            self.url,
            self.person.user,
            lambda: self.person.password if password is None else password,
            (self.ca_file if ca_file is None else ca_file) or None,
            TIMEOUT,
        )

    def engine(self, **more):
        return Engine(self.session(**more))

    def nobody(self, token=""):
        """Plain HTTPS without a login."""
        self._made.append(Rest(self.url, self.ca_file, token))
        return self._made[-1]

    def rest(self, person=None):
        """The session of a person, the same for all tests."""
        person = person or self.person
        if person not in self._open:
            made = self.nobody()
            reply = made.login(*person)
            assert reply.status == 200, f"{person.user}: {reply.body}"
            self._open[person] = made
        return self._open[person]

    # The domain that tests may edit

    def row(self, sd_id=""):
        """{name: text} of EDITABLE."""
        reply = self.rest().get(f"storagedomains/{sd_id or self.domain}")
        assert reply.status == 200, reply.body
        # An empty text may be left out of an answer.
        found = {"description": "", "comment": ""}
        for name in EDITABLE:
            part = reply.xml.find(name)
            if part is not None:
                found[name] = part.text or ""
        return found

    def box(self):
        return self.row()["backup"] == "true"

    def put(self, correlation="", person=None, sd_id="", **fields):
        """The reply to an edit of the domain."""
        sd_id = sd_id or self.domain
        assert sd_id in (self.domain, self.busy), "it is somebody else's"
        body = ElementTree.tostring(
            text(element("storage_domain"), **fields), "unicode"
        )
        return self.rest(person).call(
            "PUT", f"storagedomains/{sd_id}", body, correlation
        )

    def edit(self, correlation="", person=None, **fields):
        """
        Somebody edits the domain. Returns when the event is there, with it.
        """
        correlation = correlation or MARK + uuid.uuid4().hex[:16]
        begin = self.newest()
        reply = self.put(correlation, person, **fields)
        assert reply.status == 200, reply.body
        return wait_until(lambda: self.event_of(correlation, begin))

    # Its events

    def events(self, after=0, most=1000):
        """As XML, the newest one first."""
        query = {"max": most, **({"from": after} if after else {})}
        reply = self.rest().get("events", **query)
        assert reply.status == 200, reply.body
        return reply.xml.findall("event")

    def newest(self):
        """Index of the newest event, 0 if there is none."""
        return max([0, *map(index, self.events(most=1))])

    def event_of(self, correlation, after):
        """The event of an edit, None if there is none yet."""
        for event in self.events(after):
            if event.findtext("correlation_id") == correlation:
                if event.findtext("code") == str(UPDATED):
                    return event
        return None

    def dismiss(self, event):
        """One of those that tests have made."""
        about = event.find("storage_domain")
        assert about is not None and about.get("id") == self.domain
        reply = self.rest().call("DELETE", f"events/{index(event)}")
        assert reply.status == 200, reply.body

    @contextlib.contextmanager
    def as_it_was(self):
        """The domain without the tick, and in the end as it was before."""
        before = self.row()
        try:
            if before["backup"] == "true":
                self.edit(backup=False)
            yield
        finally:
            if self.row() != before:
                self.edit(**before)


def index(event):
    return int(event.get("id"))


def stand_in(made):
    """
    A StandIn with what the tests need: data centers, hosts and domains of
    several kinds, and two users.
    """
    other = Person("carol@internal", "of carol")
    made.passwords[other.user] = other.password
    center, empty = DataCenter("Default"), DataCenter("Empty", "uninitialized")
    made.data_centers += [center, empty]
    made.hosts += [
        Host("host1", center, spm="spm", hooks=our_hooks()),
        Host("host2", center, public_key=None, status="maintenance"),
    ]
    domain = StorageDomain("backups", center, comment="copies of <site A>")
    busy = StorageDomain("busy", center, vm_runs=True)
    made.domains += [
        StorageDomain("master", center, master=True),
        *(domain, busy),
        StorageDomain("old", center, status="maintenance", backup=True),
        StorageDomain("iso", type="iso"),
    ]
    return Tested(
        made.url,
        made.ca_file,
        Person(USER, PASSWORD),
        made,
        domain=domain.id,
        busy=busy.id,
        other=other,
    )


def real():
    """The engine that the environment names."""
    assert real_engine.mistakes() == []
    user = real_engine.value(real_engine.USER)
    other = real_engine.value(real_engine.OTHER_USER)
    return Tested(
        real_engine.value(real_engine.URL).rstrip("/"),
        real_engine.value(real_engine.CA_FILE),
        Person(user, real_engine.password(real_engine.PASSWORD_FILE)),
        domain=real_engine.value(real_engine.DOMAIN),
        busy=real_engine.value(real_engine.BUSY_DOMAIN),
        other=other
        and Person(
            other, real_engine.password(real_engine.OTHER_PASSWORD_FILE)
        ),
    )
