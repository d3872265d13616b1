# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who uses a domain, by VDSM's own list of the VMs of this host.

Two sources tell what a VM uses. Its XML is there from the moment that VDSM
knows the VM. Its drives also tell of a disk that is being copied to another
domain. A disk that is being plugged in is in neither of them until it is
plugged in, so gates.hotplug_disk() tells of it by plugging().
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from vdsm_backup.text import printable
from vdsm_backup.users import running_vms
from vdsm_backup.users.users import Users
from vdsm_backup.vm import domxml

if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from vdsm_backup.plugin.vdsm_types import Drive, PluggedDrive, Vm

# (name of the VM, UUID of the domain) for each drive that is being plugged in.
# A LUN is on no domain.
_plugging: list[tuple[str, str | None]] = []
_plugging_lock = threading.Lock()


@contextlib.contextmanager
def plugging(vm_name: str, drive: Drive) -> Iterator[None]:
    """As long as the body runs, the VM uses the domain of the drive."""
    entry = (vm_name, drive.get("domainID"))
    with _plugging_lock:
        _plugging.append(entry)
    try:
        yield
    finally:
        with _plugging_lock:
            _plugging.remove(entry)


def find(sd_id: str) -> Users:
    """
    The users of a domain on this host; the engine knows those of other hosts.
    Touches no storage.
    """
    from vdsm.clientIF import clientIF

    users = Users()
    with _plugging_lock:
        names = [name for name, domain in _plugging if domain == sd_id]
    for name in names:
        text = f"VM {printable(name)} (a disk that is being plugged in)"
        users.blocking.append(text)
    for vm in clientIF.getInstance().getVMs().values():
        _add(users, vm, sd_id)
    return users


def _add(users: Users, vm: Vm, sd_id: str) -> None:
    from vdsm.virt import vmstatus

    # A VM that has ended stays in the list until the engine has seen that.
    if vm.lastStatus == vmstatus.DOWN:
        return
    name = printable(vm.name)
    try:
        found = running_vms.uses(vm.domain.xml, sd_id)
    except domxml.BadXml as e:
        users.unseen(f"VM {name}: its XML {e}")
        found = {"uses": [], "cdroms": []}
    uses, cdroms = list(found["uses"]), list(found["cdroms"])
    for drive in list(vm.getDiskDevices()):
        _add_drive(drive, sd_id, uses, cdroms)
    if uses:
        users.blocking.append(f"VM {name} ({_listed(uses)})")
    if cdroms:
        users.notes.append(f"VM {name} has a CD-ROM from it")


def _add_drive(
    drive: PluggedDrive, sd_id: str, uses: list[str], cdroms: list[str]
) -> None:
    if getattr(drive, "domainID", None) == sd_id:
        found = cdroms if drive.device == "cdrom" else uses
        found.append(f"disk {drive.name}")
    # The target of a live storage migration, until that has ended.
    replica = getattr(drive, "diskReplicate", None) or {}
    if replica.get("domainID") == sd_id:
        uses.append(f"copy of disk {drive.name}")


def _listed(uses: Iterable[str]) -> str:
    return ", ".join(printable(use) for use in dict.fromkeys(uses))
