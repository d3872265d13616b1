# SPDX-License-Identifier: GPL-2.0-or-later
"""The guard: why a VM may not use a domain."""

from vdsm_backup.errors.base import Error


class DomainFlagged(Error):
    """
    A VM would run from a flagged domain.

    The domain keeps backups, and a VM that runs from a backup destroys it.
    Copy or move the disk to another domain and run the VM from there; all
    backup and restore flows (upload, download, copy, move, import, register)
    go through. With [guard] mode = permissive a host only logs what it would
    refuse; [guard] allow lifts single operations.
    """

    code = 994
    refusal = True
    msg = (
        "{self.vm} cannot {self.verb}: {self.disk} {self.be} on backup domain"
        " {self.title}, set {self.since} by {self.by}: {self.reason}"
    )
    hints = ("copy or move the disk to another domain and use it there",)

    def __init__(self, vm, verb, disk, title, since, by, reason):
        self.vm = vm
        self.verb = verb
        self.disk = disk
        self.title = title
        self.since = since
        self.by = by
        self.reason = reason

    @property
    def be(self):
        several = self.disk.startswith("disks ") or " and " in self.disk
        return "are" if several else "is"


class FlagUnknown(Error):
    """
    The flag of a domain that a VM needs cannot be read.

    The domain may be flagged or not; a VM that must not run from a backup is
    refused until the flag can be read. The message ends with the reason, an
    error of its own. Repair the storage, or let such VMs start, flagged or
    not: [guard] on_unreadable = allow.
    """

    code = 995
    refusal = True
    msg = (
        "{self.vm} cannot {self.verb}, not because it is flagged:"
        " the flag of {self.title}, {self.disk}, cannot be read: error"
        " {self.cause}, {self.reason}"
    )
    hints = (
        "repair the storage: vdsm-backup-domain verify {self.title}",
        "see: vdsm-backup-domain explain {self.cause}",
    )

    def __init__(self, vm, verb, disk, title, cause, reason):
        self.vm = vm
        self.verb = verb
        self.disk = disk
        self.title = title
        self.cause = cause
        self.reason = reason


class VmUnclear(Error):
    """
    What a VM uses cannot be told.

    The description of the VM, that VDSM or libvirt gives to a hook, is
    missing, too large or not what it should be. Nobody can say then whether
    the VM would run from a flagged domain.
    """

    code = 996
    refusal = True
    msg = "Cannot tell what the VM uses, not because it is flagged: {self.why}"
    hints = ("look at the log of VDSM or libvirt of the same moment",)

    def __init__(self, why):
        self.why = why
