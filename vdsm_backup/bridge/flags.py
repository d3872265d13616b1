# SPDX-License-Identifier: GPL-2.0-or-later
"""
The flag of domains, read and changed by the command line of an SPM host.

What a host answers is the JSON of docs/json.md. A host is not trusted more
than that: an answer of another shape is an error of that host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from vdsm_backup import errors
from vdsm_backup.bridge import shapes
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from typing import Any

    from vdsm_backup.bridge.hosts import Host, Hosts

# Seconds: the command has limits of its own, and these are longer. A change
# waits for the lease of the domain.
READ = 120
CHANGE = 420

#: Never the comment of the domain: who uses a VM reads the reason.
REASON = "Backup box ticked in the engine"

# Who has ticked the box, if no event says so, or several do.
NOBODY = "engine"

# What the agent takes for `by`.
_NOT_IN_BY = re.compile(r"[^A-Za-z0-9._@\\-]", re.ASCII)
_MAX_BY = 80

# Characters of a comment that become a reason; a host takes 200.
_MAX_REASON = 200

# Of an origin: the storage is not the one that was flagged.
_REPLICAS = ("copied", "replica")

# What an act can meet, as the obstacle of later looks.
WITHOUT_PLUGIN = "no-plugin"
FOREIGN = "foreign"

# The same by the causes of error 972.
_OBSTACLES = {
    errors.DomainAttached.NO_PLUGIN: WITHOUT_PLUGIN,
    errors.DomainAttached.OTHER_POOL: FOREIGN,
}


class Seen(NamedTuple):
    """
    flag, stamp: as in shapes.Look.
    pool: UUID of the pool that the storage says it is attached to, or "".
    why: why the flag is UNKNOWN, else "".
    """

    flag: str
    stamp: str = ""
    pool: str = ""
    replica: bool = False
    why: str = ""


class Done(NamedTuple):
    """
    outcome: as memory.after() takes it. stamp: of a flag that was lowered.
    why: in words, "" if it was done. obstacle: for later looks, or "".
    """

    outcome: str
    stamp: str = ""
    why: str = ""
    obstacle: str = ""


def by(users: tuple[str, ...], engine: str) -> str:
    """
    Who has ticked the box, as it is stored: USER@WHERE, as the command line
    has it. A character that a host does not take becomes "_".

    users: of the engine, those who may have been it. engine: name of its host.
    """
    user = users[0] if len(users) == 1 and users[0] else NOBODY
    if "@" not in user:
        user = f"{user}@{engine}"
    return _NOT_IN_BY.sub("_", user)[:_MAX_BY]


def unknown(why: str) -> Seen:
    return Seen(shapes.UNKNOWN, why=why)


class Flags:
    """
    engine: name of its host, for who has made a change.

    Methods raise HostUnreachable, HostKeyUnknown and HostAnswer, unless they
    say something else.
    """

    def __init__(self, hosts: Hosts, engine: str) -> None:
        self._hosts = hosts
        self._engine = engine

    def all(self, host: Host) -> dict[str, Seen]:
        """Of all domains that the host sees, by UUID."""
        answer = self._hosts.ask(host, "list", None, READ)
        _require_no_error(host, answer)
        try:
            rows = answer["domains"]
            return {row["id"]: _seen(row) for row in rows if row["id"]}
        except (KeyError, TypeError):
            raise errors.HostAnswer(host.address, "its list is none of ours")

    def one(self, host: Host, sd_id: str) -> Seen:
        answer = self._hosts.ask(host, f"show {sd_id}", None, READ)
        if "error" in answer and "domain" not in answer:
            return unknown(_error(host, answer).words)
        try:
            return _seen(answer["domain"])
        except (KeyError, TypeError):
            raise errors.HostAnswer(host.address, "it shows no domain")

    def set(self, host: Host, sd_id: str, users: tuple[str, ...]) -> Done:
        """Raises nothing: what the host did not do, `Done` says."""
        return self._change(host, "set", sd_id, REASON, users)

    def clear(
        self, host: Host, sd_id: str, reason: str, users: tuple[str, ...]
    ) -> Done:
        """The same."""
        return self._change(host, "clear", sd_id, reason, users)

    def _change(
        self,
        host: Host,
        verb: str,
        sd_id: str,
        reason: str,
        users: tuple[str, ...],
    ) -> Done:
        wanted = {"reason": reason, "by": by(users, self._engine)}
        try:
            answer = self._hosts.ask(host, f"{verb} {sd_id}", wanted, CHANGE)
            if "error" in answer:
                return _failed(verb, _error(host, answer))
            seen = _seen(answer["domain"])
        except errors.HostKeyUnknown as e:
            return Done(shapes.FAILED, why=e.with_code())
        except errors.Error as e:
            # The host may have done it all the same.
            return Done(shapes.UNSURE, why=e.with_code())
        except (KeyError, TypeError):
            return Done(
                shapes.UNSURE, why=f"{host.address}: no answer of ours"
            )
        return Done(shapes.DONE, seen.stamp)


def clear_reason(comment: str) -> str:
    """The reason in a comment that begins with CLEAR_WORD."""
    rest = comment.strip()[len(shapes.CLEAR_WORD) :].strip(" \t\r\n:,;.-")
    prints = "".join(c if c.isprintable() else " " for c in rest)
    shown = " ".join(prints.split())[:_MAX_REASON].strip()
    return shown or "Backup box unticked in the engine, to clear the flag"


def _seen(row: dict[str, Any]) -> Seen:
    """Of a DOMAIN of docs/json.md. Raises KeyError and TypeError."""
    flag = row["flag"]
    pool = str(row["pool"] or "")
    if flag is None:
        error = row["error"] or {}
        why = "it cannot be read"
        if error.get("message"):
            why = _said(error["code"], error["message"])
        return Seen(shapes.UNKNOWN, pool=pool, why=why)
    companions = [row[name] for name in ("since", "by", "reason")]
    stamp = " ".join(str(text) for text in companions if text)
    replica = row["origin_match"] in _REPLICAS
    if flag is True:
        return Seen(shapes.ON, stamp, pool, replica)
    if flag is not False:
        raise TypeError(f"flag is {flag!r}")
    # Who lowers a flag leaves when and why.
    return Seen(shapes.OFF if stamp else shapes.NEVER, stamp, pool, replica)


class _Error(NamedTuple):
    """
    Of an ERROR of docs/json.md. words: with the code, which `explain` takes.
    cause: "" if it has none.
    """

    code: int
    words: str
    cause: str


def _error(host: Host, answer: dict[str, Any]) -> _Error:
    """Raises HostAnswer."""
    try:
        found = answer["error"]
        code = int(found["code"])
        words = _said(code, found["message"])
        return _Error(code, words, str(found.get("cause", "")))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise errors.HostAnswer(host.address, "its error is none of ours")


def _said(code: object, message: object) -> str:
    return printable(f"error {code}: {message}")


def _require_no_error(host: Host, answer: dict[str, Any]) -> None:
    if "error" in answer and "domains" not in answer:
        raise errors.HostAnswer(host.address, _error(host, answer).words)


def _failed(verb: str, error: _Error) -> Done:
    code, words, cause = error
    if code == errors.FlaggedAlready.code and verb == "set":
        # Somebody else was faster. Their reason stays.
        return Done(shapes.DONE)
    if code == errors.HostedEngineDomain.code:
        return Done(shapes.HOSTED_ENGINE, why=words)
    if code == errors.BridgeNotAllowed.code and verb == "clear":
        return Done(shapes.NOT_ALLOWED, why=words)
    if code == errors.OutcomeUnknown.code:
        return Done(shapes.UNSURE, why=words)
    obstacle = ""
    if code == errors.DomainAttached.code:
        obstacle = _OBSTACLES.get(cause, "")
    return Done(shapes.FAILED, why=words, obstacle=obstacle)
