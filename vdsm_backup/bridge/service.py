# SPDX-License-Identifier: GPL-2.0-or-later
"""
The bridge as a service: rounds one after the other, until a signal ends it.

A signal ends it at once, whatever it does: a request that hangs is left, and
an act that is under way is one that nobody knows the end of. The state on disk
says so, and the next bridge looks what became of it.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import flags, memory, shapes, status
from vdsm_backup.bridge.engine import Engine
from vdsm_backup.bridge.hosts import Hosts
from vdsm_backup.bridge.rounds import Bridge
from vdsm_backup.bridge.session import Session
from vdsm_backup.bridge.state_file import StateFile
from vdsm_backup.bridge.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from vdsm_backup.bridge.inventory import Inventory
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.rows import Row
    from vdsm_backup.bridge.settings import Settings

_STATE = "state.json"


class Service:
    """
    changes: whether people are told of hosts, and files are written.
    """

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        bridge: Bridge,
        log: Log,
        changes: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._engine = engine
        self._bridge = bridge
        self._log = log
        self._changes = changes
        self._clock = clock
        self._watch = Watch(engine, log, changes)
        # The look at all domains after which the hosts were checked last.
        self._checked: Inventory | None = None
        # Of the last round: see Status.
        self._looked: float | None = None
        self._answers = False
        self._problem = ""
        # Logins that were refused, one after the other.
        self._refused = 0
        bridge.between = self._stay_young
        self._written: tuple[float, tuple[object, ...]] | None = None

    def run(self) -> NoReturn:
        while True:
            self._rest(self.turn())

    def turn(self) -> float:
        """One round, whatever becomes of it. Returns seconds to wait."""
        delay = self._settings.poll
        try:
            self.once()
        except errors.EngineLogin as e:
            # The engine locks accounts after some failures.
            last = len(memory.RETRIES) - 1
            delay = memory.RETRIES[min(self._refused, last)]
            self._refused += 1
            self._away(e)
        except (errors.EngineUnreachable, errors.BridgeConfig) as e:
            # Without a password nobody is let in.
            self._away(e)
        except errors.Error as e:
            if isinstance(e, (errors.EngineRefused, errors.BridgeState)):
                self._is_there()
            # What was listed is gone, or the disk is full: it is tried again.
            self._problem = e.with_code()
            self._log.problem("round", self._problem, e.name)
        else:
            # What fails with some domains has lines of its own.
            self._log.over("round", "The bridge can do all of its work again")
        self._publish()
        return delay

    def _rest(self, seconds: float) -> None:
        """
        Until the next round. The status stays young: an old one is that of a
        bridge which does not run.
        """
        while seconds > status.REFRESH:
            time.sleep(status.REFRESH)
            seconds -= status.REFRESH
            self._publish()
        time.sleep(seconds)

    def once(self) -> None:
        """One round. Raises what Bridge.round() raises."""
        self._bridge.round()
        self._is_there()
        self._refused = 0
        self._check_hosts()
        found = self._bridge.problem, self._watch.problem
        self._problem = "; ".join(filter(None, found))

    @property
    def is_complete(self) -> bool:
        """Whether all could be looked at in the last round."""
        return not self._problem and not self._bridge.is_partial

    def status(self) -> status.Status:
        return status.Status(
            self._clock(),
            self._looked,
            self._answers,
            self._problem,
            tuple(self._bridge.rows.values()),
            tuple(self._watch.hosts),
        )

    def _is_there(self) -> None:
        self._answers, self._looked = True, self._clock()
        self._log.over("engine", "The engine answers the bridge again")

    def _away(self, error: errors.Error) -> None:
        self._answers, self._problem = False, error.with_code()
        self._log.problem("engine", self._problem, error.name)

    def _check_hosts(self) -> None:
        found = self._bridge.inventory
        if found is None or found is self._checked:
            return
        rows = self._bridge.rows.values()
        self._watch.check(
            found, {row.id for row in rows if self._is_flagged(row)}
        )
        self._checked = found

    def _is_flagged(self, row: Row) -> bool:
        """
        A flag that cannot be read now counts as it was read last: an SPM that
        is away must not end the watch over the other hosts.
        """
        known = self._bridge.state.domains.get(row.id)
        if row.flag == shapes.UNKNOWN and known is not None:
            return known.flag == shapes.ON
        return row.flag == shapes.ON

    def _stay_young(self) -> None:
        """In a round that takes long."""
        if self._written is not None:
            if not 0 <= self._clock() - self._written[0] < status.REFRESH:
                self._publish()

    def _publish(self) -> None:
        if not self._changes:
            return
        now = self.status()
        content = now[2:]
        if self._written is not None:
            when, before = self._written
            if content == before and 0 <= now.time - when < status.REFRESH:
                return
        try:
            status.write(self._settings.state, now)
            if self._settings.metrics:
                status.write_metrics(self._settings.metrics, now)
        except errors.BridgeState as e:
            self._log.problem("status", e.with_code(), e.name)
            return
        self._log.over("status", "The status can be written again")
        self._written = now.time, content


@contextlib.contextmanager
def opened(
    settings: Settings, log: Log, directory: str, dry_run: bool
) -> Iterator[Service]:
    """
    directory: for the sockets of ssh. dry_run: nothing is changed, and a
    bridge may run beside this one.

    Raises BridgeRuns and BridgeState.
    """
    file = StateFile(os.path.join(settings.state, _STATE))
    with contextlib.ExitStack() as stack:
        if not dry_run:
            stack.enter_context(file)
        known, note = file.load(set_aside=not dry_run)
        if note and not dry_run:
            log.tell(f"Each domain is seen for the first time: {note}")
        hosts = stack.enter_context(Hosts(settings.identity_file, directory))
        session = Session(
            settings.url, settings.user, settings.password, settings.ca_file
        )
        engine = stack.enter_context(Engine(session))
        bridge = Bridge(
            engine,
            flags.Flags(hosts, settings.engine),
            settings,
            log,
            known,
            None if dry_run else file,
        )
        yield Service(settings, engine, bridge, log, not dry_run)
