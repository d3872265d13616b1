# SPDX-License-Identifier: GPL-2.0-or-later
"""
A script (processes/scripts.py) that tells which running VMs of this host use
a storage domain. It is a process of its own, since calls into libvirt can hang
for ever.

The arguments are libvirt's URI and the UUID of the domain. The script says one
JSON object a line, one for each VM that uses the domain or cannot be seen:

    {"vm": "web1", "uses": ["disk vda", "lease"], "cdroms": ["sdc"]}
    {"unseen": "VM web2: ..."}
    {"end": true, "count": 7}

count: of all VMs that run; null: it is not known.

The connection is read-only, since VDSM puts a password on the socket that
allows more.
"""

from __future__ import annotations

import re

from vdsm_backup.processes.script_output import say
from vdsm_backup.text import UUID
from vdsm_backup.vm.domxml import LEASE, BadXml, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    # The module `libvirt`, which has no types and need not be installed.
    Libvirt = Any

    class Uses(TypedDict):
        """
        What of a storage domain a VM uses.

        uses: disks and leases, in words. cdroms: targets, "sdc".
        """

        uses: list[str]
        cdroms: list[str]


def main(args: Sequence[str]) -> None:
    uri, sd_id = args
    count = None
    try:
        import libvirt
    except ImportError:
        say({"unseen": "VMs of this host: libvirt is not installed"})
    else:
        try:
            count = _say_vms(libvirt, uri, sd_id)
        except libvirt.libvirtError as e:
            text = e.get_error_message()
            say({"unseen": f"VMs of this host: libvirt: {text}"})
    say({"end": True, "count": count})


def _say_vms(libvirt: Libvirt, uri: str, sd_id: str) -> int:
    """Returns how many VMs run."""
    connection = libvirt.openReadOnly(uri)
    active = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    vms = connection.listAllDomains(active)
    for vm in vms:
        try:
            found = uses(vm.XMLDesc(0), sd_id)
        except BadXml as e:
            say({"unseen": f"VM {vm.name()}: its XML {e}"})
        except libvirt.libvirtError as e:
            # A VM that has ended meanwhile uses nothing.
            if e.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                text = e.get_error_message()
                say({"unseen": f"VM {vm.name()}: libvirt: {text}"})
        else:
            if any(found.values()):
                say({"vm": vm.name(), **found})
    return len(vms)


def uses(xml: str | bytes, sd_id: str) -> Uses:
    """
    What of a storage domain a VM uses, by all paths in its XML. A disk uses
    the domain also by its backing chain or mirror. CD-ROMs are apart, since
    the flag does not forbid them.

    Raises BadXml.
    """
    vm = parse(xml)
    found: Uses = {"uses": [], "cdroms": []}
    for disk in vm.disks:
        if any(belongs(source.value, sd_id) for source in disk.sources):
            if disk.device == "cdrom":
                found["cdroms"].append(disk.target)
            else:
                found["uses"].append(f"disk {disk.target}")
    others = [
        other.device
        for other in vm.other_paths
        if other.path.startswith("/") and belongs(other.path, sd_id)
    ]
    told = {LEASE, *found["uses"]}
    found["uses"] += [d for d in dict.fromkeys(others) if d not in told]
    leases = ["lease" for lockspace in vm.leases if lockspace == sd_id]
    if not leases:
        # Whatever its lockspace is called.
        leases = ["lease" for p in vm.lease_paths if belongs(p, sd_id)]
    found["uses"] += leases
    return found


def belongs(source: str, sd_id: str) -> bool:
    """
    Whether a path, a device or the name of a network disk is on a storage
    domain. Links are not followed.

    In most forms that VDSM uses, the UUID of the domain is a component:

        .../<sd>/images/<image>/<volume>
        /run/vdsm/storage/<sd>/<image>/<volume>
        /dev/<sd>/<volume>
        <gluster volume>/<sd>/images/<image>/<volume>

    A transient disk is a file <sd>-<volume>.<random>, and a device of
    device-mapper is <sd>-<volume> with dashes doubled.
    """
    if sd_id in source.split("/"):
        return True
    transient = f"(?:.*/)?{re.escape(sd_id)}-{UUID}\\.[^/]*"
    if re.fullmatch(transient, source, re.DOTALL):
        return True
    return source.startswith(f"/dev/mapper/{sd_id.replace('-', '--')}-")
