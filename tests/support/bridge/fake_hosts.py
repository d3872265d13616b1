# SPDX-License-Identifier: GPL-2.0-or-later
"""
Hosts that answer at once what a test says is on storage: in place of
vdsm_backup.bridge.hosts.Hosts, where ssh and the command line are not the
question.
"""

import contextlib

from tests.support.bridge.engine_things import Host, StorageDomain
from tests.support.bridge.running import Running
from vdsm_backup import errors


def domain(sd_id, flag=False, stamp="", **more):
    """A DOMAIN of docs/json.md, as far as a bridge reads it."""
    return {
        "id": sd_id,
        "flag": flag,
        "pool": None,
        "since": stamp or None,
        "by": None,
        "reason": None,
        "origin_match": "same",
        "error": None,
        **more,
    }


def error(code, message="it is so", **more):
    return {"schema": 1, "error": {"code": code, "message": message, **more}}


class FakeHosts:
    """
    storage: {UUID: DOMAIN}. asked: (address, request, object) of all calls.
    answers: {request: answer, or error to raise}, in place of what storage
        says. before: called with the request, before it is answered.
    """

    def __init__(self):
        self.storage = {}
        self.asked = []
        self.answers = {}
        self.before = lambda request: None
        self.changes = 0

    def ask(self, host, request, wanted, timeout):
        self.asked.append((host.address, request, wanted))
        self.before(request)
        verb, _, sd_id = request.partition(" ")
        for key in (request, verb, host.address):
            if key in self.answers:
                answer = self.answers[key]
                if isinstance(answer, errors.Error):
                    raise answer
                return answer
        if verb == "list":
            rows = list(self.storage.values())
            return {"schema": 1, "domains": rows, "notes": []}
        if verb in ("set", "clear"):
            self._change(verb, sd_id, wanted)
        return {"schema": 1, "domain": self.storage[sd_id]}

    def _change(self, verb, sd_id, wanted):
        self.changes += 1
        self.storage[sd_id] = domain(
            sd_id,
            verb == "set",
            f"stamp {self.changes}",
            by=wanted["by"],
            reason=wanted["reason"],
        )

    def requests(self, verb=""):
        return [r for _, r, _ in self.asked if r.startswith(verb)]


class FakeScene(Running):
    """A bridge whose hosts are one FakeHosts, `hosts`."""

    def __init__(self, stand_in, **more):
        self.hosts = FakeHosts()
        super().__init__(stand_in, Host, "/none", **more)

    def clients(self, sockets):
        return contextlib.nullcontext(self.hosts)

    def domain(self, name="backups", backup=False, flag=False, **more):
        """more: of what a host says of it."""
        found = StorageDomain(name, self.center, backup=backup)
        self.engine.domains.append(found)
        self.hosts.storage[found.id] = domain(found.id, flag, **more)
        return found

    def flag(self, found):
        return self.hosts.storage[found.id]["flag"]

    def write(self, found, **more):
        """Somebody else has changed it on storage."""
        self.hosts.storage[found.id] = domain(found.id, **more)
