# SPDX-License-Identifier: GPL-2.0-or-later
"""
Formatting a domain, refused if it is flagged.

The engine formats a domain by the verb StorageDomain.format, which any host
may run, when somebody removes the domain with "Format Domain" ticked, and when
a data center of local storage is removed. It sends the verb to one host, as a
VdsBrokerCommand and not as an IrsBrokerCommand. So a refusal never costs the
SPM, whatever its code. But these codes must not be used (BrokerCommandBase,
and RemoveStorageDomainCommand, which takes a domain that does not exist for
one that was formatted):

    358              the engine forgets the domain
    22, 1100, 5022   the engine takes the host for one that does not answer
    99               ... for one that is starting

Every refusal has the code of StorageDomainFormatError (352). The engine shows
"Error formatting a storage domain", and our text in its events.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from vdsm_backup.guard import policy
from vdsm_backup.plugin.gatekeeper import Gate

if TYPE_CHECKING:
    from vdsm_backup.plugin.vdsm_types import Function, Hsm, StorageDomain


def recycle(original: Function, config_path: str | None) -> Function:
    """
    Wraps HSM._recycle, which removes all that is on a domain. It is the last
    step of HSM.formatStorageDomain, which has seen that no pool of this host
    has the domain, and holds the exclusive lock of the domain. VDSM itself
    reads the domain under that lock.

    Adds a check. Must not break: a domain whose metadata cannot be read can
    be formatted.
    """
    gate = Gate(config_path)

    @functools.wraps(original)
    def checking(self: Hsm, dom: StorageDomain) -> None:
        from vdsm.common.exception import VdsmException

        try:
            gate.require_allowed(policy.FORMAT, None, domain=dom.sdUUID)
        except VdsmException as e:
            raise _format_error(str(e)) from e
        return original(self, dom)

    return checking


def _format_error(text: str) -> Exception:
    from vdsm.storage import exception as se

    class FormatRefused(se.StorageDomainFormatError):
        # An answer, not a fault of VDSM: no trace in its log.
        expected = True

        def __str__(self) -> str:
            return text

    return FormatRefused()
