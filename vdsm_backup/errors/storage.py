# SPDX-License-Identifier: GPL-2.0-or-later
"""What is on storage, and what storage answers."""

from vdsm_backup.errors.base import Error


class MetadataUnreadable(Error):
    """
    The metadata of the domain cannot be read now.

    The storage gave an error, or the metadata did not appear within the
    timeout. This says nothing about the flag: the guard refuses, "not because
    it is flagged". Repair the storage connection, then try again.
    """

    code = 961
    msg = (
        "Cannot read the metadata of storage domain {self.domain}:"
        " {self.reason}"
    )
    hints = ("check the storage connection",)

    def __init__(self, domain, reason):
        self.domain = domain
        self.reason = reason


class MetadataMissing(Error):
    """
    The domain is there, but its metadata file is not.

    It stayed away for the whole timeout, while the files beside it were seen:
    a writer on NFS was killed between the two halves of a rename, or somebody
    removed it. VDSM cannot use the domain. Put a copy back with `restore`, on
    the host that changed it last.
    """

    code = 992
    msg = "The metadata of storage domain {self.domain} is gone: {self.path}"
    hints = ("put a copy back: vdsm-backup-domain restore {self.domain}",)

    def __init__(self, domain, path):
        self.domain = domain
        self.path = path


class StorageTimeout(Error):
    """
    The storage did not answer in time.

    A mount or a LUN hangs. Nothing can be said about the domain. Repair the
    storage connection, or allow more time: [storage] io_timeout.
    """

    code = 962
    msg = "{self.what} did not answer within {self.seconds} seconds"
    hints = (
        "check the storage connection, or allow more time in the"
        " configuration: [storage] io_timeout",
    )

    def __init__(self, what, seconds):
        self.what = what
        self.seconds = seconds


class NotMetadata(Error):
    """
    What was read is not storage domain metadata.

    It is empty, is not text, is no regular file or far too large, or lacks
    VERSION or SDUUID, or its SDUUID is that of another domain. Compare with
    the copies on this host (`vdsm-backup-domain history SD`) and put one back
    with `vdsm-backup-domain restore SD`.
    """

    code = 963
    msg = "Storage domain {self.domain} has no valid metadata: {self.reason}"
    hints = (
        "copies kept on this host: vdsm-backup-domain history {self.domain}",
    )

    def __init__(self, domain, reason):
        self.domain = domain
        self.reason = reason


class SealBroken(Error):
    """
    The seal (_SHA_CKSUM) does not match the metadata.

    Somebody edited the metadata by hand, or it is damaged. VDSM refuses such
    a domain too (its error 752). We change nothing here. Find out what
    changed (`show`, `history`), then put a good copy back with `restore`.
    """

    code = 964
    msg = (
        "The seal of storage domain {self.domain} is broken: metadata"
        " declares {self.declared}, should be {self.computed}"
    )
    hints = (
        "copies kept on this host: vdsm-backup-domain history {self.domain}",
    )

    def __init__(self, domain, declared, computed):
        self.domain = domain
        self.declared = declared
        self.computed = computed


class SealMissing(Error):
    """
    The metadata has no seal (_SHA_CKSUM).

    VDSM trusts such metadata as it is; we read it with a warning and change
    nothing. Any change of the domain by VDSM (for example its description)
    seals it.
    """

    code = 965
    msg = "The metadata of storage domain {self.domain} has no seal"
    hints = ("any change by VDSM seals it, for example of the description",)

    def __init__(self, domain):
        self.domain = domain


class InvalidFlag(Error):
    """
    The BACKUP key holds something else than True or False.

    The value is never guessed: the guard treats the flag as unreadable and
    refuses, and nothing is changed, since nobody knows what else is wrong.
    Put a good copy back with `restore`.
    """

    code = 966
    msg = (
        "The backup flag of storage domain {self.domain} is {self.value!a},"
        " neither True nor False"
    )
    hints = (
        "copies kept on this host: vdsm-backup-domain history {self.domain}",
    )

    def __init__(self, domain, value):
        self.domain = domain
        self.value = value


class DamagedMetadata(Error):
    """
    The metadata has lines that VDSM never writes.

    A key twice with two values, a line without "=", or a VG tag that cannot
    be decoded: another tool, or a write that was torn by somebody else. No
    one can say which value is meant, so nothing is changed. Put a good copy
    back with `restore`.
    """

    code = 967
    msg = (
        "The metadata of storage domain {self.domain} is damaged:"
        " {self.problem}"
    )
    hints = (
        "copies kept on this host: vdsm-backup-domain history {self.domain}",
    )

    def __init__(self, domain, problem):
        self.domain = domain
        self.problem = problem


class VolumeGroupUnsafe(Error):
    """
    The volume group cannot be used safely.

    It is exported, partial, has missing or duplicate PVs (a replica beside
    its origin), or is not tagged as a storage domain. With duplicates LVM
    reads one of the two without saying which; writing could destroy one.
    """

    code = 968
    msg = "Volume group {self.vg} cannot be used: {self.reason}"
    hints = (
        "make the VG whole, with one path to each PV and no replica beside it",
    )

    def __init__(self, vg, reason):
        self.vg = vg
        self.reason = reason


class LvmFailed(Error):
    """
    An LVM command failed. The message holds LVM's own words.

    Check the devices, and which of them are meant ([lvm] devices; multipath
    devices by default). Who is not root runs LVM through sudo, which VDSM's
    installation allows to the user vdsm only: run the command as root.
    """

    code = 969
    msg = "lvm {self.command} failed with exit code {self.rc}: {self.err}"
    hints = (
        "run the command as root, and check the devices: pvs, and [lvm] in"
        " the configuration",
    )

    def __init__(self, command, rc, err):
        self.command = command
        self.rc = rc
        self.err = err


class WriteFailed(Error):
    """
    The change could not be written; the old metadata is intact.

    The reason tells which step failed: no space, no permission, a read-only
    mount, an I/O error. Mend it and run the command again. Step "clean": the
    file of another writer, metadata.new.*, cannot be removed, and a host that
    was frozen could still put it in place of ours.
    """

    code = 970
    msg = (
        "Storage domain {self.domain} was not changed, {self.step} failed:"
        " {self.reason}"
    )
    hints = ("mend the storage and run the command again",)

    def __init__(self, domain, step, reason):
        self.domain = domain
        self.step = step
        self.reason = reason
