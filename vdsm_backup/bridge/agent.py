# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a host lets a bridge do: the program behind a key of authorized_keys.

    restrict,command="/usr/libexec/vdsm-backup/bridge-agent --name engine1" KEY

The agent is root. Where the key lets in another user, sudo runs the same:
docs/bridge.md, A user who is not root.

sshd gives what the bridge wants in SSH_ORIGINAL_COMMAND: a verb and, but for
`list`, the UUID of a storage domain. `set` and `clear` have a JSON object on
stdin, {"reason": TEXT, "by": TEXT}. No shell sees any of that. What is not
exactly as it should be is refused, and never repaired.

A stolen key can do this, and no more: what [bridge] of this host's own
configuration allows, with a name before " via bridge NAME" that nobody has
checked. NAME is of authorized_keys, and the bridge cannot leave it out.

The agent becomes the command line, which prints one JSON object. A refusal of
the agent is such an object, too.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import namedtuple

from vdsm_backup import config, errors
from vdsm_backup.text import UUID, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from vdsm_backup.config import Config

COMMAND = "/usr/bin/vdsm-backup-domain"

# Where a package has us.
_AGENT = "/usr/libexec/vdsm-backup/bridge-agent"

# What the command line has of ours: nothing that sshd or the bridge sets.
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
}

# Verbs that change a domain, and what their object has.
CHANGES = ("set", "clear")
KEYS = {"reason", "by"}

_REQUEST = re.compile(rf"list|(?:show|set|clear) {UUID}", re.ASCII)
_BY = re.compile(r"[A-Za-z0-9._@\\-]{1,80}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

MAX_REASON = 200

# Bytes of an object. The reason may be of any characters, escaped.
_MAX_INPUT = 4096

# As the command line has them.
_SCHEMA = 1
_REFUSED = 4
_USAGE = 2
_FAILED = 1


class Request(
    namedtuple("Request", "verb sd_id reason by", defaults=("", "", ""))
):
    """sd_id: "" for `list`. reason, by: "" for what changes nothing."""

    __slots__ = ()
    verb: str
    sd_id: str
    reason: str
    by: str

    def arguments(self) -> list[str]:
        """Of the command line. An option and its value are one argument."""
        arguments = ["--json", self.verb]
        if self.sd_id:
            arguments.append(self.sd_id)
        if self.verb in CHANGES:
            arguments += [f"--reason={self.reason}", f"--by={self.by}"]
        return arguments


def parse(text: str) -> Request:
    """
    What is wanted, without the object. text: SSH_ORIGINAL_COMMAND.

    Raises BridgeRequest.
    """
    if not _REQUEST.fullmatch(text):
        raise errors.BridgeRequest(
            "it must be `list`, or `show`, `set` or `clear` and a UUID"
        )
    verb, _, sd_id = text.partition(" ")
    return Request(verb, sd_id)


def require_allowed(request: Request, options: Config) -> None:
    """Raises BridgeNotAllowed."""
    if request.verb not in options.bridge_allow:
        raise errors.BridgeNotAllowed(request.verb, "[bridge] allow")
    domains = options.bridge_domains
    if request.sd_id and domains and request.sd_id not in domains:
        raise errors.BridgeNotAllowed(
            f"{request.verb} {request.sd_id}", "[bridge] domains"
        )


def with_object(request: Request, data: bytes, name: str) -> Request:
    """
    The request with its reason and who wants it.

    data: the object. name: of the bridge. Raises BridgeRequest.
    """
    found = _object(data)
    if set(found) != KEYS:
        raise errors.BridgeRequest("its object must have `reason` and `by`")
    reason, by = found["reason"], found["by"]
    if not isinstance(reason, str) or not isinstance(by, str):
        raise errors.BridgeRequest("`reason` and `by` must be texts")
    _require_reason(reason)
    if not _BY.fullmatch(by):
        raise errors.BridgeRequest(
            r"`by` must be 1 to 80 letters, digits, and any of . _ @ \ -"
        )
    return request._replace(reason=reason, by=f"{by} via bridge {name}")


def _object(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_INPUT:
        raise errors.BridgeRequest(f"its object has more than {_MAX_INPUT} B")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise errors.BridgeRequest("its object is no JSON")
    if not isinstance(found, dict):
        raise errors.BridgeRequest("its JSON is no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A key that is there twice could mean another thing to others."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is there twice")
    return found


def _require_reason(reason: str) -> None:
    # Neither control characters, nor what changes the direction of a text,
    # nor any space but the usual one is printable for Python.
    if not (
        0 < len(reason) <= MAX_REASON
        and reason.isprintable()
        and reason == reason.strip()
    ):
        raise errors.BridgeRequest(
            f"`reason` must be one line of 1 to {MAX_REASON} characters that"
            " print, without spaces around it"
        )


def main(argv: list[str], environ: Mapping[str, str]) -> NoReturn:
    """
    argv: without the program: --name NAME. environ: as sshd has set it.
    """
    address = printable(environ.get("SSH_CONNECTION", "").partition(" ")[0])
    name, request = "", None
    try:
        name = _name(argv)
        if os.geteuid() != 0:
            raise errors.NeedsRoot(f"{_AGENT} --name {name}")
        request = parse(_wanted(environ))
        require_allowed(request, config.load())
        if request.verb in CHANGES:
            data = sys.stdin.buffer.read(_MAX_INPUT + 1)
            request = with_object(request, data, name)
            _tell(f"bridge {name}: {request.verb}", name, address, request)
    except errors.Error as e:
        _tell(f"bridge {name} is refused: {e}", name, address, request, e)
        _refuse(e)
    os.execve(COMMAND, [COMMAND, *request.arguments()], ENVIRONMENT)


def _wanted(environ: Mapping[str, str]) -> str:
    try:
        return environ["SSH_ORIGINAL_COMMAND"]
    except KeyError:
        raise errors.BridgeRequest("SSH_ORIGINAL_COMMAND is not set")


def _name(argv: list[str]) -> str:
    if len(argv) == 2 and argv[0] == "--name" and _NAME.fullmatch(argv[1]):
        return argv[1]
    raise errors.WrongUsage("--name NAME is needed", "bridge-agent")


def _tell(
    message: str,
    name: str,
    address: str,
    request: Request | None,
    error: errors.Error | None = None,
) -> None:
    """Who wants what, in the journal: the command line does not know."""
    # Here, since a bridge asks for `list` and `show` all day.
    from vdsm_backup.host import journal

    request = request or Request("")
    journal.send(
        message,
        journal.WARNING if error else journal.NOTICE,
        bridge=name or None,
        address=address or None,
        action=request.verb or None,
        domain=request.sd_id or None,
        reason=request.reason or None,
        by=request.by or None,
        result="refused" if error else None,
        code=error.code if error else None,
    )


def _refuse(error: errors.Error) -> NoReturn:
    shown = {"schema": _SCHEMA, "error": error.as_object()}
    print(json.dumps(shown, indent=2))
    if error.refusal:
        sys.exit(_REFUSED)
    sys.exit(_USAGE if error.wrong_usage else _FAILED)
