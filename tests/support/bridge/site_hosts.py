# SPDX-License-Identifier: GPL-2.0-or-later
"""
The hosts of a site, as vdsm_backup.bridge.hosts.Hosts asks them: a command
line on each, which answers JSON.
"""

from __future__ import annotations

from tests.support.bridge import fake_hosts
from vdsm_backup import errors

_IN_USE = 964


class Hosts:
    """step, chance: as in site_engine.py."""

    def __init__(self, site, name, step, chance):
        self._site = site
        self._name = name
        self._step = step
        self._chance = chance

    def ask(self, host, request, wanted, timeout):
        self._step("ask")
        site = self._site
        if host.id in site.away or self._chance("ssh"):
            raise errors.HostUnreachable(host.address, "no route")
        if self._chance("garbage"):
            return {"schema": 1}
        (found,) = (each for each in site.hosts if each.id == host.id)
        verb, _, sd_id = request.partition(" ")
        if verb == "list":
            return self._list(found)
        if verb == "show":
            site.is_read(self._name, sd_id, flag=site.flag(sd_id))
            return {"schema": 1, "domain": self._row(sd_id)}
        answer = self._refusal(verb, sd_id, found)
        if answer is None:
            answer = self._change(verb, sd_id, wanted)
        if self._chance("no answer"):
            site.note(self._name, sd_id, "unsure")
            raise errors.HostUnreachable(host.address, "no answer in time")
        if self._chance("outcome unknown"):
            site.note(self._name, sd_id, "unsure")
            return fake_hosts.error(errors.OutcomeUnknown.code)
        return answer

    def _list(self, host):
        rows = [
            self._row(sd_id)
            for sd_id, domain in self._site.domains.items()
            if domain.data_center is host.data_center
        ]
        return {"schema": 1, "domains": rows, "notes": []}

    def _row(self, sd_id):
        row = self._site.storage[sd_id]
        if sd_id not in self._site.unreadable:
            return row
        error = {"code": 961, "message": "it does not answer"}
        return {**row, "flag": None, "error": error}

    def _refusal(self, verb, sd_id, host):
        """What the command line says, None if it makes the change."""
        site, error = self._site, fake_hosts.error
        attached = errors.DomainAttached
        if sd_id in site.unreadable:
            return error(961)
        row = site.storage[sd_id]
        if row["pool"] != host.data_center.id:
            return error(attached.code, cause=attached.OTHER_POOL)
        if host.spm != "spm":
            return error(attached.code)
        if host.id in site.plain:
            return error(attached.code, cause=attached.NO_PLUGIN)
        if verb == "clear":
            if not site.allow_clear:
                return error(errors.BridgeNotAllowed.code)
            return None
        if sd_id in site.hosted_engine:
            return error(errors.HostedEngineDomain.code)
        if site.flag(sd_id) == "on":
            return error(errors.FlaggedAlready.code)
        if site.domains[sd_id].vm_runs:
            return error(_IN_USE)
        return None

    def _change(self, verb, sd_id, wanted):
        site = self._site
        flag = "on" if verb == "set" else "off"
        if site.flag(sd_id) != flag:
            site.write(sd_id, site.row(sd_id, flag, wanted["by"]))
            site.note(self._name, sd_id, verb)
        return {"schema": 1, "domain": site.storage[sd_id]}
