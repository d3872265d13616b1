# SPDX-License-Identifier: GPL-2.0-or-later
"""
What an engine has, as far as one look at some of its domains needs it: their
boxes, whether a host can change their flags now, and which one.

The boxes are read first; all else that is read here only says how the flag can
be reached. The flag itself is read after this (flags.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import events
from vdsm_backup.bridge.hosts import Host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.engine import Engine

# What the engine has for what works.
_UP = "up"
_ACTIVE = "active"

# The engine changes the domain just now.
LOCKED = "locked"

DATA = "data"

UNATTACHED = "unattached"
NO_SPM = "no SPM"


class Place(NamedTuple):
    """
    How the flag of a domain can be reached.

    data_center: its name, "" if the domain is attached to none.
    spm: the host, None if there is none now.
    spm_name: as the engine shows it.
    obstacle: why no host can change the flag now, "" if one can.
    """

    data_center: str
    spm: Host | None
    spm_name: str
    obstacle: str


class Inventory:
    """
    domains: all of the engine, by UUID.
    unread: by UUID of each data center that was asked for its statuses, why
        they are not known; None: they are.

    statuses are read for the data centers of `wanted` only; None: of all.
    Where they cannot be read, that is the obstacle of all domains there.
    Raises what the engine's methods raise.
    """

    def __init__(
        self,
        engine: Engine,
        wanted: Iterable[str] | None,
        host_user: str = "",
    ) -> None:
        self._host_user = host_user
        self.domains = {each.id: each for each in engine.domains()}
        self.data_centers = {each.id: each for each in engine.data_centers()}
        self.hosts = engine.hosts()
        chosen = self.domains if wanted is None else wanted
        self.statuses: dict[str, str] = {}
        self.unread: dict[str, errors.Error | None] = {}
        for center in sorted(
            {
                center
                for sd_id in chosen
                if sd_id in self.domains
                for center in self.domains[sd_id].data_centers
            }
        ):
            self._read_statuses(engine, center)

    def _read_statuses(self, engine: Engine, center: str) -> None:
        self.unread[center] = None
        try:
            self.statuses.update(engine.statuses(center))
        except errors.Error as e:
            # What always fails with one data center holds up no other.
            events.probe(engine)
            self.unread[center] = e

    def is_locked(self, sd_id: str) -> bool:
        return self.statuses.get(sd_id) == LOCKED

    def place(self, domain: entities.Domain) -> Place:
        if not domain.data_centers:
            return Place("", None, "", UNATTACHED)
        center = self.data_centers.get(domain.data_centers[0])
        if center is None:
            # Of another engine's, or gone since the domains were listed.
            return Place("", None, "", "its data center is not listed")
        spm = spm_of(self.hosts, center.id)
        host = to_ssh(spm, self._host_user) if spm else None
        name = spm.name if spm else ""
        return Place(
            center.name, host, name, self._obstacle(domain, center, spm)
        )

    def _obstacle(
        self,
        domain: entities.Domain,
        center: entities.DataCenter,
        spm: entities.Host | None,
    ) -> str:
        if center.status != _UP:
            return f"data center is {center.status or 'unknown'}"
        unread = self.unread.get(center.id)
        if unread is not None:
            return unread.with_code()
        status = self.statuses.get(domain.id, "")
        if status != _ACTIVE:
            return f"domain is {status or 'unknown'}"
        return "" if spm else NO_SPM


def spm_of(
    hosts: Iterable[entities.Host], data_center: str
) -> entities.Host | None:
    """The SPM of a data center, if it is up."""
    for host in hosts:
        # The engine calls a host SPM also when the host is not up.
        if (
            host.data_center == data_center
            and host.is_spm
            and host.status == _UP
        ):
            return host
    return None


def to_ssh(host: entities.Host, user: str = "") -> Host:
    """user: in place of the one that the engine has."""
    return Host(
        host.id,
        host.address,
        host.ssh_port,
        user or host.ssh_user,
        host.ssh_key,
        host.ssh_fingerprint,
    )
