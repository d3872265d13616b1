# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a domain is in maintenance, as VDSM of this host knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vdsm_backup import errors
from vdsm_backup.host import vdsm_client
from vdsm_backup.text import printable

if TYPE_CHECKING:
    from vdsm_backup.config import Config


def require(sd_id: str, local: bool, options: Config) -> tuple[str, ...]:
    """
    Require that VDSM, which runs on this host, does not have the domain
    active.

    A VDSM that has a domain active is in its lockspace. So where VDSM does not
    answer, taking the lease will tell, and a note says so. A local domain has
    no lockspace, and only VDSM can tell.

    local: whether the domain may be a local one.

    Raises HostsLive.
    """
    vdsm = vdsm_client.Vdsm(
        options.vdsm_host, options.vdsm_port, options.vdsm_tls
    )
    try:
        with vdsm:
            active = vdsm.has_active(sd_id)
    except (
        vdsm_client.Unreachable,
        vdsm_client.Unanswered,
        vdsm_client.Refused,
    ) as e:
        unknown = (
            "VDSM runs and does not tell whether it has the domain active:"
            f" {printable(str(e))}"
        )
        if local:
            raise errors.HostsLive(sd_id, f"this host: {unknown}", "")
        return (f"{unknown}; only its lockspace tells",)
    if active:
        raise errors.HostsLive(sd_id, "this host: VDSM has it active", "")
    return ()
