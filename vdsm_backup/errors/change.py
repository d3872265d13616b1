# SPDX-License-Identifier: GPL-2.0-or-later
"""Changing the flag."""

from vdsm_backup.errors.base import Error


class InvalidReason(Error):
    """
    The reason cannot be stored.

    It must be one line of text without control characters, not empty, and
    short enough to fit a VG tag (1024 characters with the key, each character
    outside a-z A-Z 0-9 _ + . - / = ! : # needing its code in digits and 2).
    """

    code = 971
    wrong_usage = True
    msg = "The reason cannot be stored: {self.problem}"

    def __init__(self, problem):
        self.problem = problem


class DomainAttached(Error):
    """
    The domain is attached to a pool: only VDSM may change its metadata.

    VDSM keeps the metadata of attached domains in memory and would write the
    old state back. So it is asked to make the change, and it does so on the
    SPM host of the pool and with the plugin; what is in the way is in the
    message. Run the command on the SPM host; or detach the domain in the
    engine first; or, when the whole data center is lost, use --pool-is-gone.
    """

    code = 972
    refusal = True
    msg = (
        "Storage domain {self.domain} is attached to pool {self.pool}: only"
        " VDSM on the SPM host may change it, and {self.why}"
    )
    hints = (
        "run the command on the SPM host, with the VDSM plugin",
        "or put the domain into maintenance and detach it in the engine first",
        "the whole data center is lost: --pool-is-gone",
    )

    def __init__(self, domain, pool, why):
        self.domain = domain
        self.pool = pool
        self.why = why


class VdsmRunning(Error):
    """
    VDSM on this host may be using the domain.

    --pool-is-gone is for a site where no VDSM manages the domain any more.
    VDSM on this host answers, and it could write an older state back. Stop it.
    """

    code = 973
    refusal = True
    msg = (
        "VDSM runs on this host, so pool {self.pool} of storage domain"
        " {self.domain} may not be gone"
    )
    hints = ("stop VDSM on this host: systemctl stop vdsmd",)

    def __init__(self, domain, pool):
        self.domain = domain
        self.pool = pool


class DomainInUse(Error):
    """
    A VM, or a transfer, has an image of the domain open.

    The flag forbids running VMs from the domain, so it is not set while one
    does. Stop or move what is listed. An image open for writing by qemu may
    also be a backup that is being uploaded: wait for it, or say
    --despite-open-images.
    """

    code = 975
    refusal = True
    msg = "Storage domain {self.domain} is in use: {self.users}"
    hints = (
        "stop the VMs or move their disks to another domain",
        "qemu holds images open for a transfer, not a VM:"
        " --despite-open-images",
    )

    def __init__(self, domain, users):
        self.domain = domain
        self.users = users


class MetadataChanged(Error):
    """
    The metadata changed between our first look and the write.

    Somebody else changed the domain meanwhile, or this host stood still for
    longer than its lease lasts, and another host came first. Nothing was
    written. Look at the new state and decide again.
    """

    code = 981
    msg = "Storage domain {self.domain} changed meanwhile, nothing was written"
    hints = ("look again: vdsm-backup-domain show {self.domain}",)

    def __init__(self, domain):
        self.domain = domain


class OutcomeUnknown(Error):
    """
    Nobody can say now whether the change is on storage.

    The write had begun when the storage stopped answering, and it cannot be
    read back. The domain has the old or the new metadata, whole. When the
    storage answers again, look: `show` tells which, `verify` that it is
    sound. The writer keeps its lease as long as it lives.
    """

    code = 982
    msg = (
        "The outcome for storage domain {self.domain} is unknown:"
        " {self.reason}"
    )
    hints = (
        "look when the storage answers again:"
        " vdsm-backup-domain show {self.domain}",
    )

    def __init__(self, domain, reason):
        self.domain = domain
        self.reason = reason


class UndoFailed(Error):
    """
    A user of the domain appeared while the flag was set, and it stays set.

    The flag is set, the safe side, but what is listed runs from the domain.
    Stop or move it, or clear the flag.
    """

    code = 983
    msg = (
        "Storage domain {self.domain} is flagged although it is in use"
        " ({self.users}): undoing it failed: {self.reason}"
    )
    hints = ("stop what uses it, or: vdsm-backup-domain clear {self.domain}",)

    def __init__(self, domain, users, reason):
        self.domain = domain
        self.users = users
        self.reason = reason


class HistoryFailed(Error):
    """
    Copies of metadata on this host cannot be kept or read.

    A copy of the old metadata is kept before each change; where it cannot be
    kept nothing is changed. Make the history directory ([history] dir)
    writable for the vdsm user, who must also be able to enter each directory
    above it.
    """

    code = 984
    msg = "Copies cannot be kept or read in {self.path}: {self.reason}"
    hints = ("make it writable for the vdsm user, or set [history] dir",)

    def __init__(self, path, reason):
        self.path = path
        self.reason = reason


class HistoryNotFound(Error):
    """
    This host has no such copy of the domain's metadata.

    Copies are kept on the host that made a change, before each change.
    """

    code = 985
    msg = (
        "This host keeps no copy {self.number} of storage domain {self.domain}"
    )
    hints = ("copies on this host: vdsm-backup-domain history {self.domain}",)

    def __init__(self, domain, number):
        self.domain = domain
        self.number = number


class RestoreRefused(Error):
    """
    The kept copy is older than changes that are not ours.

    The metadata on storage is whole, and differs from the copy in keys that
    VDSM owns. Putting the copy back would undo VDSM's changes. Use `set` or
    `clear` to change the flag.
    """

    code = 986
    refusal = True
    msg = (
        "Storage domain {self.domain} is whole and has changed since copy"
        " {self.number} in: {self.keys}"
    )
    hints = ("to change the flag use set or clear",)

    def __init__(self, domain, number, keys):
        self.domain = domain
        self.number = number
        self.keys = keys


class FlagWouldBeLost(Error):
    """
    The copy that would be put back has no flag, the domain may have one.

    Without --from the newest whole copy of this host is meant. The flag may
    have been set since, here or on another host, and metadata that is not
    whole (gone, cut, with a broken seal) does not tell. A domain must not
    lose its flag by a repair. Look at the copies on every host that may have
    changed the flag, with `history SD` and `history SD --show N`. Put the
    right one back there, by its number: `restore SD --from N`. If that one
    has no flag and the domain is a backup domain, `set` the flag again.
    """

    code = 993
    refusal = True
    msg = (
        "Copy {self.number} would take the backup flag from storage domain"
        " {self.domain}: {self.reason}"
    )
    hints = (
        "see the copies, on every host that may have changed the flag:"
        " vdsm-backup-domain history {self.domain}",
        "and what is in each: vdsm-backup-domain history {self.domain}"
        " --show N",
        "then put the right one back, by its number:"
        " vdsm-backup-domain restore {self.domain} --from N",
        "if that is this one: --from {self.number}, then set the flag again",
    )

    def __init__(self, domain, number, reason):
        self.domain = domain
        self.number = number
        self.reason = reason


class FlagUndone(Error):
    """
    A user of the domain appeared while the flag was being set.

    The domain was free when we looked, and in use when the flag was on
    storage; the old metadata was put back. Stop or move what is listed and
    run the command again.
    """

    code = 989
    refusal = True
    msg = (
        "Storage domain {self.domain} came into use while it was flagged"
        " ({self.users}): the flag was taken back"
    )
    hints = ("stop the VMs or move their disks to another domain",)

    def __init__(self, domain, users):
        self.domain = domain
        self.users = users
