# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: which running VMs of this host use a storage domain.

Its arguments are libvirt's URI and the domain's UUID: libvirt's calls can hang
for ever. One JSON object a line, flushed after each VM:

    {"vm": "web1", "uses": ["disk vda", "lease"], "cdroms": ["sdc"]}
    {"unseen": "VM web2: ..."}
    {"end": true}

The connection is read-only: VDSM puts a password on the other socket.
"""

import re

from vdsm_backup.processes.script_output import say
from vdsm_backup.text import UUID
from vdsm_backup.vm.domxml import BadXml, parse


def main(args):
    uri, sd_id = args
    try:
        import libvirt
    except ImportError:
        say({"unseen": "VMs of this host: libvirt is not installed"})
    else:
        try:
            _look(libvirt, uri, sd_id)
        except libvirt.libvirtError as e:
            text = e.get_error_message()
            say({"unseen": f"VMs of this host: libvirt: {text}"})
    say({"end": True})


def _look(libvirt, uri, sd_id):
    connection = libvirt.openReadOnly(uri)
    active = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    for vm in connection.listAllDomains(active):
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


def uses(xml, sd_id):
    """
    What of the storage domain a VM uses: disks, with all of their backing
    chains and mirrors, and leases in `uses`; CD-ROMs, which may stay, apart.

    Raises BadXml.
    """
    vm = parse(xml)
    found = {"uses": [], "cdroms": []}
    for disk in vm.disks:
        if any(belongs(source.value, sd_id) for source in disk.sources):
            if disk.device == "cdrom":
                found["cdroms"].append(disk.target)
            else:
                found["uses"].append(f"disk {disk.target}")
    found["uses"] += ["lease" for lease in vm.leases if lease == sd_id]
    return found


def belongs(source, sd_id):
    """
    Is this path, device or network name on the storage domain.

    All forms that VDSM uses have the UUID as a component, links or not:
    .../<sd>/images/<image>/<volume>, /run/vdsm/storage/<sd>/<image>/<volume>,
    /dev/<sd>/<volume>, <gluster volume>/<sd>/images/... A transient disk is
    <sd>-<volume>.<random> over the volume. Device mapper doubles the dashes.
    """
    if sd_id in source.split("/"):
        return True
    transient = f"(?:.*/)?{re.escape(sd_id)}-{UUID}\\.[^/]*"
    if re.fullmatch(transient, source, re.DOTALL):
        return True
    return source.startswith(f"/dev/mapper/{sd_id.replace('-', '--')}-")
