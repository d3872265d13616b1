# SPDX-License-Identifier: GPL-2.0-or-later
"""VMs of a vdsmhost.Host, as the engine makes them: by VDSM's own verbs."""

import os
import uuid
from dataclasses import dataclass

from tests.support.vdsm.vdsmhost import BLANK, Failed
from tests.support.waiting import wait_until

RAW, COW = 5, 4
PREALLOCATED, SPARSE = 1, 2

_NS = "http://ovirt.org/vm/1.0"

_DISK = """<disk type='{kind}' device='{device}' snapshot='no'>
<target dev='{name}' bus='virtio'/><source {attribute}='{path}'/>
<driver name='qemu' type='raw' cache='none' error_policy='stop'/>
<alias name='ua-{image}'/>
<address type='pci' domain='0' bus='0' slot='{slot}' function='0'/></disk>"""

_LEASE = """<lease><key>{vm_id}</key><lockspace>{sd}</lockspace>
<target offset='LEASE-OFFSET:{vm_id}:{sd}' path='LEASE-PATH:{vm_id}:{sd}'/>
</lease>"""


@dataclass
class Disk:
    pool: str
    domain: str
    image: str
    volume: str
    name: str = "vda"
    device: str = "disk"
    kind: str = "file"

    def pdiv(self):
        return {
            "poolID": self.pool,
            "domainID": self.domain,
            "imageID": self.image,
            "volumeID": self.volume,
        }

    def xml(self):
        path = (
            f"/rhev/data-center/{self.pool}/{self.domain}"
            f"/images/{self.image}/{self.volume}"
        )
        # The engine gives a CD-ROM of VDSM's by metadata alone.
        if self.device == "cdrom":
            path = ""
        more = {
            "path": path,
            "slot": 10 + ord(self.name[-1]) - ord("a"),
            "attribute": {"file": "file", "block": "dev"}[self.kind],
        }
        return _DISK.format(**more, **vars(self))

    def metadata(self):
        values = "".join(
            f"<ovirt-vm:{k}>{v}</ovirt-vm:{k}>" for k, v in self.pdiv().items()
        )
        return (
            f'<ovirt-vm:device devtype="disk" name="{self.name}">'
            f"{values}</ovirt-vm:device>"
        )


class Guest:
    """A VM of a host, with disks, and with its lease on a domain."""

    def __init__(self, host, *disks, name="web1", lease=None, extra=""):
        self.host = host
        self.id = str(uuid.uuid4())
        self.name = name
        self.disks = disks
        devices = "".join(d.xml() for d in disks) + extra
        if lease:
            devices += _LEASE.format(vm_id=self.id, sd=lease)
        self.xml = (
            f"<domain type='kvm' xmlns:ovirt-vm='{_NS}'><name>{name}</name>"
            f"<uuid>{self.id}</uuid><memory>1048576</memory>"
            "<currentMemory>1048576</currentMemory><vcpu>1</vcpu>"
            f"<metadata><ovirt-vm:vm>{''.join(d.metadata() for d in disks)}"
            "</ovirt-vm:vm></metadata>"
            "<os><type arch='x86_64'>hvm</type></os>"
            f"<devices><memballoon model='none'/>{devices}</devices></domain>"
        )

    def create(self, **params):
        params = {"xml": self.xml, **params}
        return self.host.call("VM.create", vmID=self.id, vmParams=params)

    def start(self, **params):
        """Its end, or that it runs: "" or what the engine would show."""
        self.create(**params)
        return self.ended()

    def ended(self):
        def ended():
            stats = self.stats()
            if stats["status"] in ("Down", "Up", "Powering up"):
                return stats

        stats = wait_until(ended, 60, self.stats, pause=0.05)
        return stats["exitMessage"] if stats["status"] == "Down" else ""

    def stats(self):
        (found,) = self.host.call("VM.getStats", vmID=self.id)
        return found

    def destroy(self):
        self.host.call("VM.destroy", vmID=self.id)


def plug_xml(disk):
    return (
        f"<hotplug xmlns:ovirt-vm='{_NS}'><devices>{disk.xml()}</devices>"
        f"<metadata><ovirt-vm:vm>{disk.metadata()}</ovirt-vm:vm></metadata>"
        "</hotplug>"
    )


def volume(host, sp_id, sd_id, image=None, parent=None, source=BLANK, **more):
    """A new volume, by the verb; its UUID. parent: of `source`."""
    vol_id = str(uuid.uuid4())
    params = {
        "size": str(1024**2),
        "volFormat": COW if parent else RAW,
        "preallocate": SPARSE,
        "diskType": "DATA",
        "desc": "",
        **more,
    }
    task = host.call(
        "Volume.create",
        volumeID=vol_id,
        storagepoolID=sp_id,
        storagedomainID=sd_id,
        imageID=image,
        srcImgUUID=source,
        srcVolUUID=parent or BLANK,
        **params,
    )
    host.wait(task)
    return vol_id


def regular_domains(host):
    """
    [(UUID, path of metadata), ...] of two in a pool, which is host.sp_id; the
    master is a third one.
    """
    master, _ = host.local_domain()
    found = [host.local_domain(name=f"data{i}") for i in range(2)]
    host.sp_id = host.pool(master, *(sd_id for sd_id, _ in found))
    return found


def disk(host, sp_id, sd_id, name="vda", device="disk", kind="file"):
    """A new image with one raw volume."""
    image = str(uuid.uuid4())
    # There is no sparse LV.
    how = {"file": SPARSE, "block": PREALLOCATED}[kind]
    vol_id = volume(host, sp_id, sd_id, image, preallocate=how)
    return Disk(sp_id, sd_id, image, vol_id, name, device, kind)


def links(host, sd_id):
    """Images of a domain that are prepared: links in the run directory."""
    path = os.path.join(host.root, "run", sd_id)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def refused(call, *args, **kwargs):
    """(code, text) of VDSM's answer."""
    try:
        result = call(*args, **kwargs)
    except Failed as e:
        return e.code, e.text
    raise AssertionError(f"not refused: {result}")
