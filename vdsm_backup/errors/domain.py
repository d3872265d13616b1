# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain: found, unique, of a kind that can have a flag."""

from vdsm_backup.errors.base import Error


class DomainNotFound(Error):
    """
    No storage domain with this UUID or name was found on this host.

    Only mounted file domains and block domains on this host's devices are
    seen. Connect the storage (in the engine: activate or attach the domain),
    or name it with --path or --device where the command has them.
    """

    code = 956
    msg = "Storage domain {self.domain} was not found on this host"
    hints = (
        "see what this host can see: vdsm-backup-domain list",
        "storage that VDSM has not connected: show, verify with --path DIR"
        " or --device DEV",
    )

    def __init__(self, domain):
        self.domain = domain


class AmbiguousDomain(Error):
    """
    More than one storage domain has this UUID or name.

    Two domains with one UUID are usually a replica beside its origin. We
    never pick one: disconnect the one you do not mean, or look at each with
    --path or --device.
    """

    code = 957
    msg = "{self.domain} is not unique, found: {self.places}"
    hints = ("disconnect the one you do not mean, or use a UUID",)

    def __init__(self, domain, places):
        self.domain = domain
        self.places = places


class UnsupportedVersion(Error):
    """
    The storage domain is older than V4.

    The backup flag is supported on V4 and V5 domains. Upgrade the data
    center, and with it its domains, to a compatibility level of 4.1 or later.
    """

    code = 958
    msg = (
        "Storage domain {self.domain} has version {self.version}, the backup"
        " flag needs version 4 or 5"
    )

    def __init__(self, domain, version):
        self.domain = domain
        self.version = version


class UnsupportedClass(Error):
    """
    The storage domain is not a data domain.

    ISO domains and export domains (CLASS=Backup, an older and other thing)
    cannot be flagged: no VM runs from them.
    """

    code = 959
    msg = (
        "Storage domain {self.domain} has class {self.domain_class}, only"
        " Data domains have a backup flag"
    )

    def __init__(self, domain, domain_class):
        self.domain = domain
        self.domain_class = domain_class


class HostedEngineDomain(Error):
    """
    The domain holds the hosted engine's own VM.

    Flagging it would refuse the engine's next start, and with it the only
    way to clear the flag from the engine. Keep backups on another domain.
    """

    code = 960
    refusal = True
    msg = (
        "Storage domain {self.domain} is the hosted-engine domain: flagging"
        " it would keep the engine from ever starting again"
    )
    hints = ("keep backups on another domain",)

    def __init__(self, domain):
        self.domain = domain


class DomainDetached(Error):
    """
    The domain is not attached to a pool, so VDSM does not change it.

    The SPM of a pool may change the metadata of the domains of that pool. A
    domain that no pool has is changed by the command line tool on any host
    that sees it, under the domain's own lease.
    """

    code = 998
    refusal = True
    msg = "Storage domain {self.domain} is not attached to a pool"
    hints = ("on a host: vdsm-backup-domain set {self.domain} --reason TEXT",)

    def __init__(self, domain):
        self.domain = domain
