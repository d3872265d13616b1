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

https://libvirt.org/formatdomain.html; lib/vdsm/virt/metadata.py and
vmdevices/storage.py. It is untrusted, and never made into a tree; a document
type, the only place where entities can be declared, is refused.
"""

from dataclasses import dataclass, field
from xml.parsers import expat

# Longest text in libvirt's protocol: REMOTE_STRING_MAX in
# src/remote/remote_protocol.x
MAX_XML = 4 * 1024**2

# METADATA_VM_VDSM_URI in lib/vdsm/virt/xmlconstants.py
_OVIRT = "http://ovirt.org/vm/1.0"

# What makes a device an image of VDSM: isVdsmImage() in
# lib/vdsm/virt/utils.py.
_IMAGE_KEYS = frozenset(("poolID", "domainID", "imageID", "volumeID"))

# Where a <source> says what it is, by the type of the disk: file, block,
# network, dir.
_SOURCE = ("file", "dev", "name", "dir")

_DOMAIN = ["domain"]
_DISK = ["domain", "devices", "disk"]
_LEASE = ["domain", "devices", "lease"]
_DEVICE = ["domain", "metadata", f"{_OVIRT} vm", f"{_OVIRT} device"]

# Nothing but the <source> of a backing chain is looked for below these, so
# paths are compared, and copied, only so far down.
_DEEPEST = len(_DEVICE) + 1


class BadXml(ValueError):
    """XML that no VM has."""


@dataclass(frozen=True)
class Source:
    """
    value: a path, or for kind "name" the name of a network disk.
    protocol: of a network disk, else "".
    """

    kind: str
    value: str
    protocol: str = ""


@dataclass
class Disk:
    """
    device: disk, lun, cdrom, floppy.
    sources: its own and, at any depth, those of its backing chain and mirror.
    domains: storage domains by VDSM's metadata, usually one or none.
    """

    device: str = "disk"
    target: str = "?"
    sources: list = field(default_factory=list)
    domains: list = field(default_factory=list)

    @property
    def removable(self):
        return self.device in ("cdrom", "floppy")


@dataclass
class Vm:
    """
    live: libvirt has run it: what is described was saved or migrates.
    leases: lockspaces of its leases: UUIDs of storage domains.
    """

    name: str = ""
    uuid: str = ""
    live: bool = False
    disks: list = field(default_factory=list)
    leases: list = field(default_factory=list)


def parse(xml):
    """
    The VM, of text or bytes. For a single disk it has no name.

    Raises BadXml.
    """
    if len(xml) > MAX_XML:
        raise BadXml(f"is longer than {MAX_XML} characters")
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    try:
        parser.Parse(xml, True)
    except BadXml:
        raise
    except (expat.ExpatError, ValueError, LookupError) as e:
        # Python's errors are about encodings: unknown ones, lone surrogates.
        raise BadXml(f"cannot be parsed: {e}")
    return reader.result()


class _Reader:
    """Takes the events of the parser; knows where in the document it is."""

    def __init__(self):
        self._vm = Vm()
        self._path = []
        # What each open element has said, with its children, as XPath has it.
        self._texts = []
        self._disk = None
        # What VDSM's metadata says, of the device that is being read, and the
        # domains of all, by the target of the disk.
        self._claim = None
        self._claimed = {}

    def result(self):
        for disk in self._vm.disks:
            disk.domains = self._claimed.get(disk.target, [])
        return self._vm

    def doctype(self, *args):
        raise BadXml("has a document type")

    def start(self, tag, attributes):
        if not self._path:
            self._begin(tag)
        self._path.append(tag)
        self._texts.append([])
        if self._path == _DOMAIN:
            self._vm.live = "id" in attributes
        elif self._path == _DISK:
            self._disk = Disk(attributes.get("device", "disk"))
            self._vm.disks.append(self._disk)
        elif self._path == _DEVICE and attributes.get("devtype") == "disk":
            self._claim = (attributes.get("name", "?"), {})
        elif self._disk is not None:
            self._in_disk(tag, attributes)

    def _begin(self, tag):
        if tag == "disk":
            self._path = _DISK[:-1]
        elif tag != "domain":
            raise BadXml(f"describes no VM, but a {tag[:32]!a}")

    def _in_disk(self, tag, attributes):
        if self._path == [*_DISK, "target"]:
            self._disk.target = attributes.get("dev", "?")
        elif tag.rpartition(" ")[2] == "source":
            # At any depth: backingStore, mirror, dataStore. In any namespace:
            # not all versions of libvirt look at it.
            plain = {k.rpartition(" ")[2]: v for k, v in attributes.items()}
            protocol = plain.get("protocol", "")
            self._disk.sources += [
                Source(kind, plain[kind], protocol)
                for kind in _SOURCE
                if plain.get(kind)
            ]

    def characters(self, data):
        self._texts[-1].append(data)

    def end(self, tag):
        text = self._texts.pop()
        if len(self._path) <= _DEEPEST:
            self._end(tag, "".join(text).strip())
            if self._texts:
                self._texts[-1] += text
        self._path.pop()

    def _end(self, tag, text):
        parent = self._path[:-1]
        if self._path == _DISK:
            self._disk = None
        elif self._path == _DEVICE:
            self._end_claim()
        elif parent == _DEVICE and self._claim is not None:
            self._claim[1][tag.rpartition(" ")[2]] = text
        elif parent == _LEASE and tag == "lockspace":
            self._vm.leases.append(text)
        elif parent == _DOMAIN and tag in ("name", "uuid"):
            setattr(self._vm, tag, text)

    def _end_claim(self):
        if self._claim is None:
            return
        name, values = self._claim
        self._claim = None
        # A managed disk is on a storage domain that VDSM does not know.
        managed = values.get("managed", "").lower() == "true"
        if _IMAGE_KEYS <= values.keys() and not managed:
            domains = self._claimed.setdefault(name, [])
            domains.append(values["domainID"].lower())
