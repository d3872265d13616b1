# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has called a verb, for BACKUP_BY: an address, or what it says itself."""

from __future__ import annotations

import re

from vdsm_backup import errors
from vdsm_backup.metadata import flag

# BACKUP_BY where VDSM calls itself.
_INTERNAL = flag.changed_by("vdsm", "internal")


def who(by: object) -> tuple[str, list[str]]:
    """
    (who changes the flag, for BACKUP_BY; notes).

    VDSM knows from which address a call came, and not which user made it. A
    program on this host is trusted to say for whom it calls: with TLS it needs
    VDSM's own key, and so could write to storage itself. Other hosts of the
    data center have certificates that VDSM takes, too, and must not write any
    name, so their `by` is left out. So is that of a call without an address.

    by: who the caller says it is.

    Raises InvalidArgument.
    """
    host = _peer()
    found = flag.changed_by("api", host) if host else _INTERNAL
    if by is None:
        return found, []
    if not _is_local(host):
        note = f"by was left out, it is taken from this host only: {found}"
        return found, [note]
    if not isinstance(by, str):
        raise errors.InvalidArgument("by", "it is no text")
    return flag.require_by(by), []


def _peer() -> str:
    """
    The address that the call came from; "" for a call that came from none.

    VDSM listens on one TCP socket only. On IPv6, as it does by default, the
    kernel gives an IPv4 address a prefix.
    """
    from vdsm.common.threadlocal import vars

    context = getattr(vars, "context", None)
    return re.sub(r"^::ffff:", "", context.client_host) if context else ""


def _is_local(host: str) -> bool:
    """
    Whether an address is the loopback's. A packet that comes by the network
    with such an address is dropped by the kernel.
    """
    return host == "::1" or bool(re.match(r"127(\.[0-9]+){3}\Z", host))
