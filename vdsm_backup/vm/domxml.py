# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a VM uses, by its domain XML. Pure; the standard library only.

The XML is libvirt's <domain>, with VDSM's metadata, or a single <disk> as
VDSM gives it to a hot plug:

    <domain type="kvm" id="3">
      <name>web1</name>
      <uuid>5d2b...</uuid>
      <metadata>
        <ovirt-vm:vm xmlns:ovirt-vm="http://ovirt.org/vm/1.0">
          <ovirt-vm:device devtype="disk" name="vda">
            <ovirt-vm:poolID>...</ovirt-vm:poolID>
            <ovirt-vm:domainID>...</ovirt-vm:domainID>
            <ovirt-vm:imageID>...</ovirt-vm:imageID>
            <ovirt-vm:volumeID>...</ovirt-vm:volumeID>
      <devices>
        <disk type="file" device="disk">
          <source file="..."/>
          <target dev="vda"/>
          <backingStore type="file"><source file="..."/>...
        <lease>
          <lockspace>...</lockspace>
          <target path="..." offset="..."/>

https://libvirt.org/formatdomain.html; lib/vdsm/virt/metadata.py and
vmdevices/storage.py.
"""

from __future__ import annotations

from vdsm_backup.record import Record
from vdsm_backup.vm import scsi, xml_tree
from vdsm_backup.vm.xml_paths import REMOVABLE, local, local_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping, Sequence

    from vdsm_backup.vm.xml_paths import Found
    from vdsm_backup.vm.xml_tree import Element

MAX_XML = xml_tree.MAX_XML
BadXml = xml_tree.BadXml

# METADATA_VM_VDSM_URI in lib/vdsm/virt/xmlconstants.py
_OVIRT = "http://ovirt.org/vm/1.0"

# The device of what is no disk, for people.
LEASE = "a lease"
_SCSI = "a SCSI device"

# Of one <source>, which has one. Attributes of other namespaces make more, and
# each value is with each protocol.
MAX_MEANINGS = 100

# What makes a device an image of VDSM: isVdsmImage() in
# lib/vdsm/virt/utils.py.
_IMAGE_KEYS = frozenset(("poolID", "domainID", "imageID", "volumeID"))

# The attribute in which a <source> names the storage, by the type of the
# disk: file, block, network, dir.
_SOURCE = ("file", "dev", "name", "dir")


class Source(Record):
    """
    Where the data of a disk is.

    kind: the attribute of <source> that says it: file, dev, name or dir.
    value: a path, or for the kind "name" the name of a network disk.
    protocol: that of a network disk, else "".
    """

    __slots__ = ("kind", "value", "protocol")

    def __init__(self, kind: str, value: str, protocol: str = "") -> None:
        self.kind = kind
        self.value = value
        self.protocol = protocol


class Disk(Record):
    """
    A disk of a VM.

    device: disk, lun, cdrom or floppy.
    target: its name in the VM, for example "vda".
    sources: its own and, at any depth, those of its backing chain and mirror.
    domains: storage domains by VDSM's metadata, usually one or none.
    """

    __slots__ = ("device", "target", "sources", "domains")

    def __init__(
        self,
        device: str = "disk",
        target: str = "?",
        sources: Sequence[Source] = (),
        domains: Sequence[str] = (),
    ) -> None:
        self.device = device
        self.target = target
        self.sources = sources
        self.domains = domains

    @property
    def removable(self) -> bool:
        return self.device in REMOVABLE


class DevicePath(Record):
    """
    A path that is no source of a disk, or a SCSI address.

    device: what of the VM has it, for people.
    """

    __slots__ = ("device", "path")

    def __init__(self, device: str, path: str) -> None:
        self.device = device
        self.path = path


class Vm(Record):
    """
    A VM, or what a single <disk> tells of one: its disk.

    live: whether libvirt has run the VM already, which was saved then or
        migrates now.
    leases: lockspaces of its leases: UUIDs of storage domains.
    lease_paths: files or LVs of its leases. The engine gives a placeholder
        without a slash, which VDSM replaces.
    other_paths: all others in its XML, see xml_paths.py.
    scsi: SCSI devices of the host that the VM gets, "host:bus:target:unit".
    """

    __slots__ = (
        "name",
        "uuid",
        "live",
        "disks",
        "leases",
        "lease_paths",
        "other_paths",
        "scsi",
    )

    def __init__(
        self,
        name: str = "",
        uuid: str = "",
        live: bool = False,
        disks: Sequence[Disk] = (),
        leases: Sequence[str] = (),
        lease_paths: Sequence[str] = (),
        other_paths: Sequence[DevicePath] = (),
        scsi: Sequence[DevicePath] = (),
    ) -> None:
        self.name = name
        self.uuid = uuid
        self.live = live
        self.disks = disks
        self.leases = leases
        self.lease_paths = lease_paths
        self.other_paths = other_paths
        self.scsi = scsi


def parse(xml: str | bytes) -> Vm:
    """
    The VM that a <domain> describes. Of a single <disk> it has no name.

    Raises BadXml.
    """
    root, paths = xml_tree.read(xml)
    if root.tag == "disk":
        only = _disk(root, {})
        return Vm(disks=[only], other_paths=_others(paths, {id(root): only}))
    domains = _domains_by_target(root)
    elements = root.find("devices", "disk")
    disks = {id(element): _disk(element, domains) for element in elements}
    return Vm(
        name=_last_text(root, "name"),
        uuid=_last_text(root, "uuid"),
        live="id" in root.attributes,
        disks=list(disks.values()),
        leases=[
            lockspace.text().strip()
            for lockspace in root.find("devices", "lease", "lockspace")
        ],
        lease_paths=[
            path
            for target in root.find("devices", "lease", "target")
            for path in local_values(target.attributes, "path")
        ],
        other_paths=_others(paths, disks),
        scsi=[DevicePath(_SCSI, address) for address in scsi.addresses(root)],
    )


def _others(
    paths: Sequence[Found], disks: Mapping[int, Disk]
) -> list[DevicePath]:
    """
    The paths that are no sources of disks. disks: {id of the element: disk}.
    """
    sources = {
        key: {s.value for s in disk.sources if s.kind != "name"}
        for key, disk in disks.items()
    }
    found = []
    for each in paths:
        owner, path = each.owner, each.path
        disk = disks.get(id(owner))
        if path in sources.get(id(owner), ()):
            continue
        if disk:
            device = f"disk {disk.target}"
        elif owner.tag == "lease":
            device = LEASE
        else:
            device = f"element {local(owner.tag)}"
        found.append(DevicePath(device, path))
    return found


def _last_text(root: Element, tag: str) -> str:
    found = root.find(tag)
    return found[-1].text().strip() if found else ""


def _disk(disk: Element, domains: Mapping[str, Sequence[str]]) -> Disk:
    targets = [
        name
        for target in disk.called("target")
        for name in local_values(target.attributes, "dev")
    ] or ["?"]
    devices = list(local_values(disk.attributes, "device")) or ["disk"]
    # The one that makes it a disk, if there is any.
    devices.sort(key=REMOVABLE.__contains__)
    return Disk(
        device=devices[0],
        target=targets[0],
        # At any depth: backingStore, mirror, dataStore. In any namespace: some
        # versions of libvirt take no notice of the namespace.
        sources=[
            source
            for element in disk.descendants()
            if local(element.tag) == "source"
            for source in _sources(element)
        ],
        # Whichever of them libvirt takes for the target.
        domains=[
            domain
            for target in dict.fromkeys(targets)
            for domain in domains.get(target, [])
        ],
    )


def _sources(element: Element) -> Iterator[Source]:
    # As for elements, in any namespace: libvirt takes the first attribute with
    # the name. So none takes the place of another.
    values = [(local(k), v) for k, v in element.attributes.items() if v]
    protocols = [v for name, v in values if name == "protocol"] or [""]
    named = sum(name in _SOURCE for name, _ in values)
    if named * len(protocols) > MAX_MEANINGS:
        raise BadXml(f"has a <source> of more than {MAX_MEANINGS} meanings")
    for kind in _SOURCE:
        for value in (v for name, v in values if name == kind):
            for protocol in protocols:
                yield Source(kind, value, protocol)


def _domains_by_target(root: Element) -> dict[str, list[str]]:
    """
    The storage domains of the disks, by VDSM's metadata: {target of the disk:
    UUIDs}.
    """
    found: dict[str, list[str]] = {}
    path = ("metadata", f"{_OVIRT} vm", f"{_OVIRT} device")
    for device in root.find(*path):
        if device.attributes.get("devtype") != "disk":
            continue
        values = {
            local(key.tag): key.own_text().strip() for key in device.elements()
        }
        # A managed disk is on a storage domain that VDSM does not know.
        managed = values.get("managed", "").lower() == "true"
        if _IMAGE_KEYS <= values.keys() and not managed:
            target = device.attributes.get("name", "?")
            found.setdefault(target, []).append(values["domainID"].lower())
    return found
