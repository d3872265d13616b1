# SPDX-License-Identifier: GPL-2.0-or-later
"""
What happens in a site by itself, and how all of it ends. Public methods
without arguments are things that happen.
"""

from __future__ import annotations

from tests.support.bridge.site import WORLD

_DETACHED, _ATTACHED, _OTHER = 964, 962, 30

_ELSEWHERE = "0c1d7d4a-61c1-4a46-8bd1-1f0ab7a2f9d0"


class Troubles:
    """restored: called when the engine was restored."""

    def __init__(self, site, restored):
        self._site = site
        self._choices = site.choices
        self._restored = restored

    def _domain(self):
        return self._choices.choice(list(self._site.domains.values()))

    def _host(self):
        return self._choices.choice(self._site.hosts)

    def _center(self):
        return self._choices.choice(self._site.centers)

    def calm(self):
        """All is mended but what is broken for good."""
        site = self._site
        site.engine_fails = ""
        site.is_calm = True
        site.late = False
        for fails in (site.away, site.plain, site.unreadable):
            fails.clear()
        for center in site.centers:
            center.status = "up"
            if site.spm(center) is None:
                hosts = [h for h in site.hosts if h.data_center is center]
                hosts[0].spm = "spm"
        for host in site.hosts:
            host.status = "up"
        for domain in site.domains.values():
            if domain.data_center is None:
                self._attach(domain, site.centers[0])
            self._pool(domain, domain.data_center.id)
            domain.status, domain.vm_runs = "active", False
            domain.master = False

    # The engine

    def time_passes(self):
        self._site.now += self._choices.choice([60, 600, 1900, 7200])

    def other_events(self):
        """Of something else. Most are not kept: indexes have gaps."""
        self._site.index += self._choices.randrange(1, 20)
        self._site.add_event(_OTHER)

    def many_events(self):
        """More than are asked for at first, and than are read again."""
        self._site.note(WORLD, "", "events are lost")
        for _ in range(450):
            self._site.add_event(_OTHER)

    def events_are_dismissed(self):
        newest = self._site.events[-5:]
        if newest:
            event, _ = self._choices.choice(newest)
            self._site.dismissed.add(event.number)
            self._site.note(WORLD, "", "events are lost")

    def engine_goes(self):
        self._site.engine_fails = self._choices.choice(["away", "login"])

    def engine_comes(self):
        self._site.engine_fails = ""

    def engine_is_backed_up(self):
        self._site.back_up()

    def engine_is_restored(self):
        if self._site.backup is not None:
            self._restored(self._site.backup[0])
            self._site.restore()

    # Hosts

    def host_goes(self):
        host = self._host()
        self._site.away.add(host.id)
        host.status = self._choices.choice(["up", "non_responsive"])

    def hosts_come(self):
        self._site.away.clear()
        for host in self._site.hosts:
            host.status = "up"

    def plugin_goes(self):
        self._site.plain.add(self._host().id)

    def plugins_come(self):
        self._site.plain.clear()

    def spm_moves(self):
        """To another host of its data center, or to none for now."""
        center = self._center()
        hosts = [h for h in self._site.hosts if h.data_center is center]
        for host in hosts:
            host.spm = "none"
        if self._choices.random() < 0.7:
            self._choices.choice(hosts).spm = "spm"

    def center_goes(self):
        self._center().status = "not_operational"

    def centers_come(self):
        for center in self._site.centers:
            center.status = "up"

    # Domains

    def domain_is_locked(self):
        domain = self._domain()
        domain.status = "locked"
        self._site.note(WORLD, domain.id, "locked")

    def domain_goes(self):
        self._domain().status = "maintenance"

    def domains_come(self):
        for domain in self._site.domains.values():
            domain.status = "active"

    def domain_moves(self):
        """To another data center, by way of none."""
        domain = self._domain()
        if domain.id in self._site.removed:
            return
        if domain.data_center is not None:
            domain.data_center = None
            domain.master = False
            self._pool(domain, None)
            self._site.add_event(_DETACHED, domain.id)
        else:
            self._attach(domain, self._center())

    def _attach(self, domain, center):
        domain.data_center = center
        self._pool(domain, center.id)
        self._site.add_event(_ATTACHED, domain.id)

    def domain_is_of_another_engine(self):
        domain = self._domain()
        if domain.data_center is not None:
            self._pool(domain, _ELSEWHERE)

    def domains_are_ours(self):
        for domain in self._site.domains.values():
            if domain.data_center is not None:
                self._pool(domain, domain.data_center.id)

    def _pool(self, domain, pool):
        storage = self._site.storage
        storage[domain.id] = {**storage[domain.id], "pool": pool}

    def storage_goes(self):
        self._site.unreadable.add(self._domain().id)

    def storage_comes(self):
        self._site.unreadable.clear()

    def master_changes(self):
        domain = self._domain()
        domain.master = not domain.master

    def vm_starts(self):
        domain = self._domain()
        if not domain.backup:
            domain.vm_runs = True

    def vms_stop(self):
        for domain in self._site.domains.values():
            domain.vm_runs = False
