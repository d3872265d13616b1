# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard inside VDSM: what a VM needs by what VDSM knows of it, read by
VDSM's own I/O.

Reads of a domain are shared by all VMs that wait for it, and never older than
the call (shared_reads.py). The configuration is read at each decision.
"""

import logging
import threading
import time
import traceback

from vdsm_backup import config, errors
from vdsm_backup.guard import audit, policy, refusal
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.host import mounts
from vdsm_backup.plugin import storage, vdsm_errors
from vdsm_backup.plugin.shared_reads import Late, Reads
from vdsm_backup.vm import needs
from vdsm_backup.vm.needs import Need
from vdsm_backup.vm.paths import Location

log = logging.getLogger("vdsm_backup")

_reads = Reads()

# What VDSM calls an image of its own: isVdsmImage() in lib/vdsm/virt/utils.py
_IMAGE_KEYS = frozenset(("poolID", "domainID", "imageID", "volumeID"))


class Gate:
    """
    Refuses by raising what VDSM makes a response, or an event, of.

    path: of the configuration; None for the host's own.
    """

    def __init__(self, path):
        self._path = path

    def judge(self, operation, vm, vm_id=None, drives=(), xml=None):
        """
        May a VM do this with what it needs by these drives and this XML.

        vm: how to name it, "VM web1". vm_id: its UUID.

        Never under a lock of VDSM: it reads storage. Raises a VdsmException
        with our code and with all refusals in one line.
        """
        settings, trace = policy.Settings(), None
        try:
            options = config.load(self._path)
            settings = policy.settings(options)
            found = of_drives(drives)
            if xml is not None:
                found += of_xml(xml, options)
            found = list(dict.fromkeys(found))
            verdict = _verdict(options, operation, found)
        except Exception as e:
            if not isinstance(e, errors.Error):
                trace = traceback.format_exc()
                e = errors.InternalError(type(e).__name__, str(e))
            # In permissive mode a fault of ours refuses nobody either.
            refused = settings.refuses(operation, readable=False)
            audit.fault(e, refused, settings, operation, vm, vm_id, trace)
            if refused:
                raise vdsm_errors.exception(e, refusal.plain(e))
            return
        refused = audit.tell(verdict, vm, vm_id)
        if refused:
            lines = [refusal.line([error]) for error in refused]
            raise vdsm_errors.exception(refused[0], "; ".join(lines))
        for finding in verdict.findings:
            log.warning(
                "%s: %s of %s goes on, [guard] mode is %s",
                operation,
                vm,
                finding.domain,
                settings.mode,
            )

    def note(self, operation, vm, vm_id=None, drives=(), xml=None):
        """
        Tells the journal of what is allowed in any case, when storage has
        answered. Never waits, never fails.
        """
        thread = threading.Thread(
            target=self.judge,
            args=(operation, vm, vm_id, drives, xml),
            name="backup-note",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as e:
            log.warning("%s: %s was not judged: %s", operation, vm, e)


def _verdict(options, operation, found):
    deadline = time.monotonic() + options.io_timeout

    def read(location):
        return _read(location.domain, deadline, options.io_timeout)

    guard = Guard(policy.settings(options), read)
    return guard.verdict(operation, needs.Needs(known=found), deadline)


def _read(sd_id, deadline, seconds):
    try:
        return _reads.get(sd_id, lambda: _lines(sd_id), deadline)
    except Late:
        raise errors.StorageTimeout("its storage", seconds)


def _lines(sd_id):
    def unreadable(text):
        return errors.MetadataUnreadable(sd_id, text)

    with vdsm_errors.as_ours(unreadable):
        return storage.open_domain(sd_id).read()


# What a VM needs


def of_drives(drives):
    """Needs of VDSM's drives: dictionaries as storagexml.parse() makes."""
    found = []
    for drive in drives:
        image = _IMAGE_KEYS <= drive.keys() and not drive.get("managed")
        if image and drive.get("device") not in ("cdrom", "floppy"):
            device = f"disk {drive.get('name') or drive['imageID']}"
            found.append(Need(device, Location(drive["domainID"])))
    return found


def of_xml(xml, options):
    """
    Needs of the XML of a whole VM, its leases too: by VDSM's metadata and by
    the names of its disks, as far as nothing has to be touched that could
    hang. What is only a candidate is no domain that VDSM has prepared.

    Raises VmUnclear.
    """
    table = mounts.table()
    finder = needs.Finder(options.repo_root, options.lv_dir, table)
    known = finder.needs(guard_host.parse_vm(xml)).known
    return [
        Need(need.device, Location(need.location.domain))
        for need in known
        if not need.location.candidate
    ]
