# SPDX-License-Identifier: GPL-2.0-or-later
"""
The engine, by its REST API and the engine's own SDK (ovirtsdk4).

All that the bridge asks of an engine is here: what it has (entities.py), and
two things that it does: it ticks the Backup box of a domain, and it tells
people by an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ovirtsdk4 import types

from vdsm_backup import errors
from vdsm_backup.bridge import answers, event_reader

if TYPE_CHECKING:
    from vdsm_backup.bridge.entities import (
        DataCenter,
        Domain,
        Event,
        Hook,
        Host,
    )
    from vdsm_backup.bridge.session import Session

# Of the events by which the bridge tells people something. One (origin, custom
# id) is there once.
ORIGIN = "vdsm-backup-domain"

# HTTP's codes. The engine has 409 for what it refuses now, 400 for what it
# would never do.
_BAD_REQUEST = 400
_NOT_FOUND = 404

event_reader.register()


class Engine:
    """
    An engine, by a session with it.

    Methods raise EngineUnreachable, EngineLogin, and EngineRefused.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._session.close()

    # What it has

    def domains(self) -> list[Domain]:
        return self._session.ask(
            "list the storage domains",
            lambda system: system.storage_domains_service().list(),
            answers.each(answers.domain),
        )

    def domain(self, sd_id: str) -> Domain:
        """Raises EngineRefused, with code 404, if there is none."""
        return self._session.ask(
            "show a storage domain",
            lambda system: system.storage_domains_service()
            .storage_domain_service(sd_id)
            .get(),
            answers.domain,
        )

    def data_centers(self) -> list[DataCenter]:
        return self._session.ask(
            "list the data centers",
            lambda system: system.data_centers_service().list(),
            answers.each(answers.data_center),
        )

    def statuses(self, data_center: str) -> dict[str, str]:
        """
        The status of each domain that is attached to a data center: active,
        maintenance, locked, ... Outside of it the engine does not tell.
        """
        found = self._session.ask(
            "list the storage domains of a data center",
            lambda system: system.data_centers_service()
            .data_center_service(data_center)
            .storage_domains_service()
            .list(),
            answers.each(answers.domain_status),
        )
        return dict(found)

    def hosts(self) -> list[Host]:
        return self._session.ask(
            "list the hosts",
            lambda system: system.hosts_service().list(follow="cluster"),
            answers.each(answers.host),
        )

    def hooks(self, host: str) -> list[Hook]:
        return self._session.ask(
            "list the hooks of a host",
            lambda system: system.hosts_service()
            .host_service(host)
            .hooks_service()
            .list(),
            answers.each(answers.hook),
        )

    def events(self, most: int, after: int = 0) -> list[Event]:
        """
        The newest events, at most so many, whose index is larger than
        `after`. The newest one is first.
        """
        found = self._session.ask(
            "list the events",
            lambda system: system.events_service().list(
                max=most, **({"from_": after} if after > 0 else {})
            ),
            answers.events,
        )
        return sorted(found, reverse=True)

    def event(self, index: int) -> Event | None:
        """One event, also if somebody has dismissed it. None: it is gone."""
        try:
            return self._session.ask(
                "show an event",
                lambda system: system.events_service()
                .event_service(str(index))
                .get(),
                answers.event,
            )
        except errors.EngineRefused as e:
            if e.status == _NOT_FOUND:
                return None
            raise

    # What it does

    def tick(self, sd_id: str, correlation: str) -> Domain:
        """
        Tick the Backup box. correlation: begins with events.PREFIX; the
        engine keeps the first 36 letters, digits, "_" and "-" of it.

        Raises EngineRefused, with code 409, if a VM runs on the domain or it
        is locked.
        """
        # Nothing else, above all no storage: that would extend the domain.
        wanted = types.StorageDomain(backup=True)
        return self._session.ask(
            "tick the Backup box",
            lambda system: system.storage_domains_service()
            .storage_domain_service(sd_id)
            .update(wanted, headers={"Correlation-Id": correlation}),
            answers.domain,
        )

    def tell(self, sd_id: str, text: str, custom_id: int) -> bool:
        """
        Add an event to those of the engine. custom_id: 31 bits.

        Returns False if there is one with this number already.
        """
        event = types.Event(
            origin=ORIGIN,
            custom_id=custom_id,
            severity=types.LogSeverity.WARNING,
            description=text,
            storage_domain=types.StorageDomain(id=sd_id),
        )
        try:
            self._session.ask(
                "add an event",
                lambda system: system.events_service().add(event),
                answers.nothing,
            )
        except errors.EngineRefused as e:
            # The words of the answer depend on the language; all else of the
            # event is as the engine wants it.
            if e.status == _BAD_REQUEST:
                return False
            raise
        return True
