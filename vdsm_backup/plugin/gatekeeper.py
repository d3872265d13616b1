# SPDX-License-Identifier: GPL-2.0-or-later
"""
The guard inside VDSM: it takes what a VM needs from what VDSM knows of it, and
reads flags by VDSM's own I/O.

A read of a flag begins after the call that needs it, and is shared by all VMs
that wait for the same domain (shared_reads.py). The configuration is read each
time.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from typing import TYPE_CHECKING

from vdsm_backup import config, errors
from vdsm_backup.guard import audit, policy, refusal
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard.verdict import Guard
from vdsm_backup.plugin import storage, vdsm_errors
from vdsm_backup.plugin.shared_reads import Late, Reads
from vdsm_backup.vm import needs
from vdsm_backup.vm.needs import Need
from vdsm_backup.vm.paths import Location, NotADomain

if TYPE_CHECKING:
    from typing import Iterable

    from vdsm_backup.guard.verdict import Verdict
    from vdsm_backup.plugin.vdsm_types import Drive

log = logging.getLogger("vdsm_backup")

_reads: Reads[list[str]] = Reads()

# The keys by which VDSM knows a drive for one of its images: isVdsmImage() in
# lib/vdsm/virt/utils.py.
_IMAGE_KEYS = frozenset(("poolID", "domainID", "imageID", "volumeID"))


class Gate:
    """
    Checks what a VM wants to do. A refusal is an exception of which VDSM makes
    a response, or the reason of a VM's end.

    config_path: of the configuration file; None for the host's own.
    """

    def __init__(self, config_path: str | None) -> None:
        self._config_path = config_path

    def require_allowed(
        self,
        operation: str,
        vm: str | None,
        vm_id: str | None = None,
        drives: Iterable[Drive] = (),
        xml: str | None = None,
        domain: str | None = None,
    ) -> None:
        """
        Refuse an operation of a VM if one of the domains that it needs is
        flagged, or has a flag that cannot be read, and the table in
        guard/policy.py and the configuration say so, unless the VM has a
        permit. Tell the journal of such domains, refused or not.

        vm: how to name the VM, "VM web1"; None if it is nothing of a VM.
        vm_id: its UUID. drives, xml, domain: what the operation needs, by one
        or several of them.

        It reads storage and can take as long as `[storage] io_timeout`, so no
        lock of VDSM may be held.

        Raises a VdsmException with our code, and with all refusals in one
        line.
        """
        settings = policy.Settings()
        trace = None
        try:
            options = config.load(self._config_path, config.OF_GUARD)
            settings = policy.settings(options)
            deadline = time.monotonic() + options.io_timeout
            needed = needs_of_drives(drives)
            if xml is not None:
                needed += needs_of_xml(xml, options, deadline)
            if domain is not None:
                needed.append(Need("the domain", Location(domain)))
            needed = list(dict.fromkeys(needed))
            verdict = _verdict(options, operation, needed, deadline)
            verdict = audit.permitted(verdict, options.permits, vm, vm_id)
        except Exception as e:
            if isinstance(e, errors.Error):
                error = e
            else:
                trace = traceback.format_exc()
                error = errors.InternalError(type(e).__name__, str(e))
            # In permissive mode a fault of ours refuses nobody either.
            refused = settings.refuses_faults(operation)
            audit.fault(error, refused, settings, operation, vm, vm_id, trace)
            if refused:
                # The journal has the trace of a fault; vdsm.log gets the line.
                text = refusal.plain(error)
                raise vdsm_errors.exception(error, text) from None
            return
        refusals = audit.tell(verdict, vm, vm_id)
        if refusals:
            lines = [refusal.line([error]) for error in refusals]
            raise vdsm_errors.exception(refusals[0], "; ".join(lines))
        for finding in verdict.findings:
            log.warning(
                "%s: %s of %s goes on, %s",
                operation,
                vm,
                finding.domain,
                verdict.permit or verdict.why_not(finding),
            )

    def tell_journal(
        self,
        operation: str,
        vm: str,
        vm_id: str | None = None,
        drives: Iterable[Drive] = (),
        xml: str | None = None,
    ) -> None:
        """
        Tell the journal if a VM needs a flagged domain for an operation that
        is never refused. A thread does it when storage has answered: this
        never waits, and never fails.
        """
        thread = threading.Thread(
            target=self.require_allowed,
            args=(operation, vm, vm_id, drives, xml),
            name="backup-note",
            daemon=True,
        )
        try:
            thread.start()
        except RuntimeError as e:
            log.warning("%s: %s was not judged: %s", operation, vm, e)


def _verdict(
    options: config.Config,
    operation: str,
    needed: list[Need],
    deadline: float,
) -> Verdict:
    def read(location: Location) -> list[str]:
        return _shared_read(location.domain, deadline, options.io_timeout)

    guard = Guard(
        policy.settings(options),
        read,
        options.io_timeout,
        settle=options.settle,
    )
    return guard.verdict(operation, needs.Needs(known=needed), deadline)


def _shared_read(sd_id: str, deadline: float, seconds: float) -> list[str]:
    """
    The metadata lines of a domain, read after this call.

    deadline: of time.monotonic(). seconds: how long that was, for the error.
    """
    try:
        return _reads.get(sd_id, lambda: _read_lines(sd_id), deadline)
    except Late:
        raise errors.StorageTimeout("its storage", seconds)


def _read_lines(sd_id: str) -> list[str]:
    """Raises NotADomain, too, where a VG has this name that is no domain."""

    def unreadable(text: str) -> errors.Error:
        return errors.MetadataUnreadable(sd_id, text)

    with vdsm_errors.as_ours(unreadable):
        try:
            domain = storage.open_domain(sd_id)
        except errors.DomainNotFound:
            if storage.is_foreign_vg(sd_id):
                raise NotADomain(sd_id) from None
            raise
        return domain.read()


def needs_of_drives(drives: Iterable[Drive]) -> list[Need]:
    """What VDSM's drives need: those that are images, CD-ROMs excepted."""
    found = []
    for drive in drives:
        image = _IMAGE_KEYS <= drive.keys() and not drive.get("managed")
        if image and drive.get("device") not in ("cdrom", "floppy"):
            device = f"disk {drive.get('name') or drive['imageID']}"
            found.append(Need(device, Location(drive["domainID"])))
    return found


def needs_of_xml(
    xml: str, options: config.Config, deadline: float
) -> list[Need]:
    """
    What the XML of a VM needs, leases too: by VDSM's metadata in it and by the
    paths of its disks. Touches nothing that could hang.

    A path that only looks like one of a domain is left out: VDSM has prepared
    no domain there.

    deadline: of time.monotonic(), until which links are followed.

    Raises VmUnclear.
    """
    finder = guard_host.make_finder(options, deadline)
    known = finder.needs(guard_host.parse_vm(xml)).known
    return [
        Need(need.device, Location(need.location.domain))
        for need in known
        if not need.location.candidate
    ]
