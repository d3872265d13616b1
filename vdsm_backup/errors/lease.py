# SPDX-License-Identifier: GPL-2.0-or-later
"""The lockspace and the SDM lease of a domain."""

from vdsm_backup.errors.base import Error


class HostsLive(Error):
    """
    Other hosts use the domain's lockspace.

    sanlock sees host ids that are alive, or cannot tell yet that they are
    dead (this takes up to 140 seconds after a crash). Those hosts may hold
    the old metadata and write it back. The host id is the one that the
    engine shows in the host's general tab as SPM id.
    """

    code = 974
    refusal = True
    msg = (
        "Storage domain {self.domain} is used by other hosts, host ids:"
        " {self.hosts}"
    )
    hints = ("put those hosts, or the domain, into maintenance first",)

    def __init__(self, domain, hosts):
        self.domain = domain
        self.hosts = hosts


class LeaseBusy(Error):
    """
    The domain's SDM lease is held by somebody else.

    Another host, or another process of this host, is changing the domain
    right now. Nothing was touched. Wait until it has ended and try again.
    """

    code = 976
    refusal = True
    msg = (
        "The SDM lease of storage domain {self.domain} is held by {self.owner}"
    )
    hints = ("wait until its change has ended, then run the command again",)

    def __init__(self, domain, owner):
        self.domain = domain
        self.owner = owner


class HostIdInUse(Error):
    """
    The host id we would join the lockspace with is in use by a live host.

    250 is the highest host id that the engine gives away, and also the one
    that VDSM uses for moments. Wait until the owner has left, or choose
    another id in the configuration: [sanlock] host_id.
    """

    code = 977
    refusal = True
    msg = (
        "Host id {self.host_id} of storage domain {self.domain} is in use by"
        " {self.owner}"
    )
    hints = ("wait until it has left, or set another [sanlock] host_id",)

    def __init__(self, domain, host_id, owner):
        self.domain = domain
        self.host_id = host_id
        self.owner = owner


class SanlockFailed(Error):
    """
    sanlock cannot be used, or failed.

    Without the sanlock daemon there is no lease, and without a lease nothing
    is written. Start it (systemctl start sanlock), or install the binding
    (python3-sanlock) for the Python that runs this command.
    """

    code = 978
    msg = "sanlock cannot {self.action}: {self.reason}"
    hints = ("check the daemon: systemctl status sanlock",)

    def __init__(self, action, reason):
        self.action = action
        self.reason = reason


class LeaseTimeout(Error):
    """
    The lease was not taken within the timeout; nothing was touched.

    Joining a lockspace takes 21 seconds, and up to 180 after a host crashed
    with our host id. Allow more time with --timeout.
    """

    code = 979
    msg = (
        "The SDM lease of storage domain {self.domain} was not taken within"
        " {self.seconds} seconds: {self.step}"
    )
    hints = ("allow more time: --timeout",)

    def __init__(self, domain, seconds, step):
        self.domain = domain
        self.seconds = seconds
        self.step = step


class LeaseLost(Error):
    """
    The lease was lost before the write began; nothing was changed.

    sanlock lost the storage, or the process that holds the lease was killed.
    """

    code = 980
    msg = (
        "The SDM lease of storage domain {self.domain} was lost, nothing was"
        " changed"
    )
    hints = ("check sanlock's log, then run the command again",)

    def __init__(self, domain):
        self.domain = domain
