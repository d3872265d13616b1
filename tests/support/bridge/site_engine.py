# SPDX-License-Identifier: GPL-2.0-or-later
"""
The engine of a site, as vdsm_backup.bridge.engine.Engine shows it to a bridge.
"""

from __future__ import annotations

from vdsm_backup import errors
from vdsm_backup.bridge import entities, host_hooks
from vdsm_backup.doctor import sums

URL = "https://engine.example.com/ovirt-engine/api"

#: The step at which it has read the domain that it writes.
BETWEEN = "between"

#: Of a domain, in Site.broken.
TICK_UNREACHABLE = "its tick has no answer"
TICK_REFUSED = "its tick is refused"
TELL_UNREACHABLE = "its reports have no answer"
GET_UNREACHABLE = "the engine does not show it"
IN_THE_ENGINE = (
    TICK_UNREACHABLE,
    TICK_REFUSED,
    TELL_UNREACHABLE,
    GET_UNREACHABLE,
)

_CONFLICT, _BAD_REQUEST, _NOT_FOUND = 409, 400, 404

_HOOKS = [
    entities.Hook(event, host_hooks.SCRIPT, checksum)
    for event, checksum in sums.SUMS.items()
    if event not in ("qemu.d", "vdsmd")
]


def unreachable(reason="it is away"):
    return errors.EngineUnreachable(URL, reason)


class Engine:
    """
    step: called with a name before each call; may raise, and people may do
    something meanwhile.
    """

    def __init__(self, site, name, step, chance):
        self._site = site
        self._name = name
        self._step = step
        self._chance = chance

    def _call(self, name):
        self._step(name)
        if self._site.engine_fails == "login":
            raise errors.EngineLogin(URL, "the password is wrong")
        if self._site.engine_fails or self._chance("connection"):
            raise unreachable()
        if self._chance("login"):
            raise errors.EngineLogin(URL, "not now")

    # What it has

    def domains(self):
        self._call("domains")
        return [_domain(each) for each in self._site.listed()]

    def domain(self, sd_id):
        self._call("domain")
        if self._broken(sd_id, GET_UNREACHABLE):
            raise unreachable()
        found = self._found(sd_id, "show a storage domain")
        self._site.is_read(self._name, sd_id, box=found.backup)
        return _domain(found)

    def data_centers(self):
        self._call("data_centers")
        return [
            entities.DataCenter(each.id, each.name, each.status)
            for each in self._site.centers
        ]

    def statuses(self, data_center):
        self._call("statuses")
        return {
            each.id: each.status
            for each in self._site.listed()
            if each.data_center and each.data_center.id == data_center
        }

    def hosts(self):
        self._call("hosts")
        return [_host(each) for each in self._site.hosts]

    def hooks(self, host):
        self._call("hooks")
        return [] if host in self._site.plain else _HOOKS

    def events(self, most, after=0):
        self._call("events")
        found = []
        for event, since in reversed(self._site.events):
            if event.number <= after or len(found) == most:
                break
            if since <= self._site.poll and not self._is_dismissed(event):
                found.append(event)
        if found and self._chance("event twice"):
            found.append(found[-1])
        return found

    def event(self, index):
        self._call("event")
        for event, since in reversed(self._site.events):
            if event.number == index and since <= self._site.poll:
                return event
        return None

    def _is_dismissed(self, event):
        return event.number in self._site.dismissed

    # What it does

    def tick(self, sd_id, correlation):
        self._call("tick")
        site = self._site
        domain = self._found(sd_id, "tick the Backup box")
        if self._broken(sd_id, TICK_UNREACHABLE):
            raise unreachable()
        if (
            self._chance("refusal")
            or self._broken(sd_id, TICK_REFUSED)
            or domain.vm_runs
            or domain.status == "locked"
        ):
            site.note(self._name, sd_id, "refused")
            raise _refused("tick the Backup box", _CONFLICT)
        # It reads the row, and writes all of it.
        row = domain.comment, domain.description
        site.written = sd_id
        try:
            self._step(BETWEEN)
        finally:
            site.written = ""
        if (domain.comment, domain.description) != row:
            site.note(self._name, sd_id, "overwrites")
        domain.comment, domain.description = row
        domain.backup = True
        told = site.add_event(
            958, sd_id, "bridge@internal", correlation, may_be_lost=True
        )
        site.note(self._name, sd_id, "put", told)
        if self._chance("no answer"):
            site.note(self._name, sd_id, "unsure")
            raise unreachable()
        return _domain(domain)

    def tell(self, sd_id, text, custom_id):
        self._call("tell")
        site = self._site
        if sd_id in site.removed:
            site.note(self._name, sd_id, "tells of what is gone")
        self._found(sd_id, "add an event")
        if self._broken(sd_id, TELL_UNREACHABLE) or self._chance("report"):
            raise unreachable()
        if custom_id in site.told:
            site.note(self._name, sd_id, f"tell again: {text}")
            return False
        site.told[custom_id] = sd_id
        site.note(self._name, sd_id, f"tell: {text}")
        site.add_event(9802, sd_id)
        if self._chance("no answer"):
            site.note(self._name, sd_id, "not told")
            raise unreachable()
        return True

    def _found(self, sd_id, action):
        if sd_id in self._site.removed:
            raise _refused(action, _NOT_FOUND)
        return self._site.domains[sd_id]

    def _broken(self, sd_id, how):
        site = self._site
        ails = not site.is_calm and site.ailing.get(sd_id) == how
        return ails or site.broken.get(sd_id) == how


def _refused(action, status):
    return errors.EngineRefused(action, status, "it is so")


def _domain(domain):
    center = domain.data_center
    return entities.Domain(
        domain.id,
        domain.name,
        domain.comment,
        domain.backup,
        domain.type,
        domain.master,
        (center.id,) if center else (),
    )


def _host(host):
    return entities.Host(
        host.id,
        host.name,
        host.address,
        host.status,
        host.data_center.id,
        host.spm == "spm",
        host.ssh_user,
        host.ssh_port,
        host.public_key,
        host.fingerprint,
    )
