# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domain XML in few lines, in the form of libvirt's and VDSM's
(https://libvirt.org/formatdomain.html, lib/vdsm/virt/libvirtxml.py).
"""

from xml.sax.saxutils import escape, quoteattr

VM = "5d2b6f0e-3c1a-4b7d-9e8f-00000000000a"
POOL = "8f3c1b3e-9d0c-4a0e-9b5e-3f1c2d4e5f60"
IMAGE = "9b8f5a5e-7a6b-4c5d-8e9f-000000000001"
VOLUME = "3c1a7a80-1111-4222-8333-000000000001"
BASE = "3c1a7a80-1111-4222-8333-000000000002"

_SOURCE = {"file": "file", "block": "dev", "network": "name"}


def disk(path, kind="file", target="vda", device="disk", more=""):
    """more: elements within the disk, for example backing()."""
    return (
        f"<disk type={kind!r} device={device!r}>"
        f"<driver name='qemu' type='qcow2'/>{source(path, kind)}"
        f"<target dev={target!r} bus='virtio'/>{more}</disk>"
    )


def source(path, kind="file"):
    if not path:
        return ""
    protocol = " protocol='gluster'" if kind == "network" else ""
    return f"<source{protocol} {_SOURCE[kind]}={quoteattr(path)}/>"


def backing(path, kind="file", more=""):
    inside = f"{source(path, kind)}{more}"
    return f"<backingStore type={kind!r}>{inside}</backingStore>"


def lease(sd_id):
    return (
        f"<lease><lockspace>{sd_id}</lockspace><key>{VM}</key>"
        f"<target path='/x' offset='1048576'/></lease>"
    )


def claim(sd_id, target="vda"):
    """What VDSM's metadata says of a disk."""
    return (
        f"<o:device devtype='disk' name={target!r}><o:poolID>{POOL}</o:poolID>"
        f"<o:domainID>{sd_id}</o:domainID><o:imageID>{IMAGE}</o:imageID>"
        f"<o:volumeID>{VOLUME}</o:volumeID></o:device>"
    )


def qemu(*arguments):
    """What VDSM's hook qemucmdline adds, or an administrator."""
    inside = "".join(f"<q:arg value={quoteattr(a)}/>" for a in arguments)
    namespace = "http://libvirt.org/schemas/domain/qemu/1.0"
    return f"<q:commandline xmlns:q='{namespace}'>{inside}</q:commandline>"


def vm(*devices, name="web1", uuid=VM, live=False, claims=(), around=""):
    """
    Bytes of a <domain>. live: libvirt has given it an id. claims: of claim().
    around: what it has beside <devices>.
    """
    number = " id='7'" if live else ""
    return (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        f"<domain type='kvm'{number}><name>{escape(name)}</name>"
        f"<uuid>{uuid}</uuid><metadata>"
        "<o:vm xmlns:o='http://ovirt.org/vm/1.0'>"
        f"{''.join(claims)}</o:vm></metadata>{around}"
        f"<devices>{''.join(devices)}</devices></domain>"
    ).encode()
