# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the bridge does about one domain: it raises or lowers the flag on the SPM
host, ticks the box in the engine, or tells people.

The host is looked up for each act, since the SPM moves.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.bridge import events, flags, inventory, report, shapes
from vdsm_backup.bridge.flags import Done
from vdsm_backup.bridge.log import WARNING
from vdsm_backup.text import listed, printable

if TYPE_CHECKING:
    from vdsm_backup.bridge import entities
    from vdsm_backup.bridge.engine import Engine
    from vdsm_backup.bridge.hosts import Host
    from vdsm_backup.bridge.log import Log
    from vdsm_backup.bridge.reading import Reader
    from vdsm_backup.bridge.shapes import Answer, Look

_NOT_FOUND = 404


def is_gone(error: errors.Error) -> bool:
    """The engine does not have a domain any more that it has listed."""
    return (
        isinstance(error, errors.EngineRefused) and error.status == _NOT_FOUND
    )


class Acts:
    """host_user: by which hosts are reached; "": as the engine has it."""

    def __init__(
        self,
        engine: Engine,
        by_host: flags.Flags,
        reader: Reader,
        log: Log,
        host_user: str,
    ) -> None:
        self._engine = engine
        self._flags = by_host
        self._reader = reader
        self._log = log
        self._host_user = host_user

    def is_as_before(self, sd_id: str, look: Look) -> bool:
        """
        Whether both sides are as they were at the look, right before an act.

        Raises what the engine's methods raise.
        """
        try:
            now = self._engine.domain(sd_id)
        except errors.EngineRefused as e:
            if is_gone(e):
                return False
            raise
        host = self._spm(now)
        if host is None:
            return False
        seen = self._reader.one(host, sd_id)
        again = (now.box, now.comment, seen.flag, seen.stamp)
        return again == (look.box, look.comment, look.flag, look.stamp)

    def perform(
        self, domain: entities.Domain, look: Look, answer: Answer
    ) -> tuple[Done, errors.Error | None]:
        """What became of the act, and the error that ends this round."""
        if answer.act == shapes.TICK:
            done, error = self._tick(domain)
        else:
            done, error = self._change(domain, look, answer)
        self._tell(domain, answer, done)
        return done, error

    def tell(self, domain: entities.Domain, answer: Answer, host: str) -> None:
        """
        People, by an event in the engine. host: name of the SPM, "" for none.

        Raises EngineUnreachable and EngineLogin: then it is told in a later
        round, if it is still so then. After an act it may not be.
        """
        text = report.text(answer, domain.id, domain.name, host)
        number = report.number(answer, domain.id)
        key = f"report {domain.id}"
        try:
            self._engine.tell(domain.id, text, number)
        except errors.EngineRefused as e:
            self._log.tell(f"No event in the engine: {e.with_code()}", WARNING)
        except errors.Error as e:
            if answer.act != shapes.NOTHING:
                why = f"No event in the engine yet: {e.with_code()}"
                self._log.problem(key, f"{text} {why}", answer.tell)
            raise
        self._log.tell(text, WARNING)
        self._log.over(key, f"Reports on {printable(domain.name)} work again")

    def _spm(self, domain: entities.Domain) -> Host | None:
        if not domain.data_centers:
            return None
        center = domain.data_centers[0]
        spm = inventory.spm_of(self._engine.hosts(), center)
        return inventory.to_ssh(spm, self._host_user) if spm else None

    def _tick(
        self, domain: entities.Domain
    ) -> tuple[Done, errors.Error | None]:
        correlation = f"{events.PREFIX}{uuid.uuid4()}"
        try:
            self._engine.tick(domain.id, correlation)
        except errors.EngineUnreachable as e:
            return Done(shapes.UNSURE, why=e.with_code()), e
        except errors.EngineLogin as e:
            return Done(shapes.FAILED, why=e.with_code()), e
        except errors.EngineRefused as e:
            return Done(shapes.REFUSED, why=e.with_code()), None
        return Done(shapes.DONE), None

    def _change(
        self, domain: entities.Domain, look: Look, answer: Answer
    ) -> tuple[Done, errors.Error | None]:
        try:
            host = self._spm(domain)
        except errors.EngineRefused as e:
            return Done(shapes.FAILED, why=e.with_code()), None
        except errors.Error as e:
            # Nothing was asked of a host yet.
            return Done(shapes.FAILED, why=e.with_code()), e
        if host is None:
            return Done(shapes.FAILED, why=inventory.NO_SPM), None
        if answer.act == shapes.SET:
            return self._flags.set(host, domain.id, answer.users), None
        reason = flags.clear_reason(look.comment)
        done = self._flags.clear(host, domain.id, reason, answer.users)
        return done, None

    def _tell(
        self, domain: entities.Domain, answer: Answer, done: Done
    ) -> None:
        name = f"{printable(domain.name)} ({domain.id})"
        who = listed(map(printable, answer.users)) or "somebody unknown"
        what = {
            shapes.SET: f"set the flag of {name} for {who}",
            shapes.CLEAR: f"clear the flag of {name} for {who}",
            shapes.TICK: f"tick the Backup box of {name}",
        }[answer.act]
        key = f"act {domain.id}"
        if done.outcome == shapes.DONE:
            self._log.over(key, f"What had failed goes on: {name}")
            self._log.tell(f"Done: {what}")
        else:
            text = f"Not done ({done.outcome}): {what}: {done.why}"
            self._log.problem(key, text, done.outcome + done.obstacle)
