# SPDX-License-Identifier: GPL-2.0-or-later
"""
The watch over the hooks of hosts (host_hooks.py): what is seen of them, and
what people are told of it, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import events, host_hooks
from vdsm_backup.bridge.log import WARNING
from vdsm_backup.text import listed, printable

if TYPE_CHECKING:
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.host_hooks import HostHooks
    from vdsm_backup.bridge.inventory import Inventory
    from vdsm_backup.bridge.log import Log


class Watch:
    """
    hosts: as they were seen last.

    changes: whether people are told.
    """

    def __init__(self, engine: Engine, log: Log, changes: bool) -> None:
        self._engine = engine
        self._log = log
        self._changes = changes
        self.hosts: list[HostHooks] = []
        self._told: set[int] = set()
        # {UUID of a host with which a call fails: (its name, the error)}
        self._failing: dict[str, tuple[str, errors.Error]] = {}

    @property
    def problem(self) -> str:
        """What fails, or ""."""
        if not self._failing:
            return ""
        found = list(self._failing.values())
        names = sorted(printable(name) for name, _ in found)
        return (
            f"The hooks of {listed(names)} cannot be looked after:"
            f" {found[-1][1].with_code()}"
        )

    def check(self, found: Inventory, flagged: set[str]) -> None:
        """
        flagged: UUIDs of domains whose flag is on.

        Raises what the engine's methods raise where the engine is away.
        """
        before = self._failing
        self.hosts, self._failing = host_hooks.check(
            self._engine, found, flagged, self.hosts, before
        )
        for host in self.hosts:
            if host.hook != host_hooks.OK and host.number not in self._told:
                try:
                    self._tell(host, found, flagged)
                except errors.Error as e:
                    events.probe(self._engine)
                    self._failing[host.id] = host.name, e
        for host_id, (name, error) in self._failing.items():
            text = (
                f"The hooks of host {printable(name)} cannot be looked after:"
                f" {error.with_code()}"
            )
            self._log.problem(f"hooks {host_id}", text, error.name)
        for host_id in before.keys() - self._failing.keys():
            name = printable(before[host_id][0])
            text = f"The hooks of host {name} can be looked after again"
            self._log.over(f"hooks {host_id}", text)

    def _tell(
        self, host: HostHooks, found: Inventory, flagged: set[str]
    ) -> None:
        centers = {h.id: h.data_center for h in found.hosts}
        domain = next(
            found.domains[sd_id]
            for sd_id in sorted(flagged)
            if centers[host.id] in found.domains[sd_id].data_centers
        )
        text = host_hooks.text(host, domain.name)
        if not self._changes:
            return
        try:
            self._engine.tell(domain.id, text, host.number)
        except errors.EngineRefused as e:
            self._log.tell(f"No event in the engine: {e.with_code()}", WARNING)
        self._told.add(host.number)
        self._log.tell(text, WARNING)
