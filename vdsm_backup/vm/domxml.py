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

Untrusted XML
=============

Whoever may start a VM writes this XML, so it must not cost more than its own
length allows:

- It is at most MAX_XML long.
- A document type is refused as soon as it begins. Nothing else can declare an
  entity, so no entity is ever expanded for us.
- It may be nested without limit; 500,000 levels fit into MAX_XML. Our tree has
  MAX_LEVELS levels. Of deeper elements only each <source> is kept, and it is
  put into the element of the last level that it is in. So nothing that walks
  through the tree, or frees it, recurses further than that, and the levels
  below cost us a counter. What the parser itself (expat) remembers of each
  open element, some 120 bytes, it gives back when parse() returns.
- Elements side by side are kept. Each costs some 90 bytes, and 300 where it
  has an attribute, which is up to 150 MB for an XML of MAX_XML that has
  nothing but the shortest of these. That of a VM has some hundred elements.

The parser is expat by itself, with a small tree of our own. A hook is on the
way of every start of a VM, and importing xml.etree.ElementTree takes longer
(3 ms) than parsing the XML of a VM (2 ms).
"""

from __future__ import annotations

from collections import namedtuple
from xml.parsers import expat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping, NoReturn, Sequence

# Longest text in libvirt's protocol: REMOTE_STRING_MAX in
# src/remote/remote_protocol.x
MAX_XML = 4 * 1024**2

# Below level 5 nothing but a <source> is looked for. Level 5 has the keys of a
# device in VDSM's metadata. One level more in the tree keeps the text of a key
# apart from the text of elements inside the key.
MAX_LEVELS = 6

# METADATA_VM_VDSM_URI in lib/vdsm/virt/xmlconstants.py
_OVIRT = "http://ovirt.org/vm/1.0"

# Of one <source>, which has one. Attributes of other namespaces make more, and
# each value is with each protocol.
MAX_MEANINGS = 100

# What makes a device an image of VDSM: isVdsmImage() in
# lib/vdsm/virt/utils.py.
_IMAGE_KEYS = frozenset(("poolID", "domainID", "imageID", "volumeID"))

# The attribute in which a <source> names the storage, by the type of the
# disk: file, block, network, dir.
_SOURCE = ("file", "dev", "name", "dir")


class BadXml(ValueError):
    """XML that no VM has."""


class Source(namedtuple("Source", "kind value protocol", defaults=("",))):
    """
    Where the data of a disk is.

    kind: the attribute of <source> that says it: file, dev, name or dir.
    value: a path, or for the kind "name" the name of a network disk.
    protocol: that of a network disk, else "".
    """

    __slots__ = ()
    kind: str
    value: str
    protocol: str


class Disk(
    namedtuple(
        "Disk", "device target sources domains", defaults=("disk", "?", (), ())
    )
):
    """
    A disk of a VM.

    device: disk, lun, cdrom or floppy.
    target: its name in the VM, for example "vda".
    sources: its own and, at any depth, those of its backing chain and mirror.
    domains: storage domains by VDSM's metadata, usually one or none.
    """

    __slots__ = ()
    device: str
    target: str
    sources: Sequence[Source]
    domains: Sequence[str]

    @property
    def removable(self) -> bool:
        return self.device in ("cdrom", "floppy")


class Vm(
    namedtuple(
        "Vm",
        "name uuid live disks leases lease_paths",
        defaults=("", "", False, (), (), ()),
    )
):
    """
    A VM, or what a single <disk> tells of one: its disk.

    live: whether libvirt has run the VM already, which was saved then or
        migrates now.
    leases: lockspaces of its leases: UUIDs of storage domains.
    lease_paths: files or LVs of its leases. The engine gives a placeholder
        without a slash, which VDSM replaces.
    """

    __slots__ = ()
    name: str
    uuid: str
    live: bool
    disks: Sequence[Disk]
    leases: Sequence[str]
    lease_paths: Sequence[str]


def parse(xml: str | bytes) -> Vm:
    """
    The VM that a <domain> describes. Of a single <disk> it has no name.

    Raises BadXml.
    """
    if len(xml) > MAX_XML:
        raise BadXml(f"is longer than {MAX_XML} characters")
    root = _tree(xml)
    if root.tag == "disk":
        return Vm(disks=[_disk(root, {})])
    domains = _domains_by_target(root)
    return Vm(
        name=_last_text(root, "name"),
        uuid=_last_text(root, "uuid"),
        live="id" in root.attributes,
        disks=[_disk(d, domains) for d in root.find("devices", "disk")],
        leases=[
            lockspace.text().strip()
            for lockspace in root.find("devices", "lease", "lockspace")
        ],
        lease_paths=[
            target.attributes["path"]
            for target in root.find("devices", "lease", "target")
            if "path" in target.attributes
        ],
    )


def _last_text(root: _Element, tag: str) -> str:
    found = root.find(tag)
    return found[-1].text().strip() if found else ""


def _disk(disk: _Element, domains: Mapping[str, Sequence[str]]) -> Disk:
    targets = disk.find("target")
    target = targets[-1].attributes.get("dev", "?") if targets else "?"
    return Disk(
        device=disk.attributes.get("device", "disk"),
        target=target,
        # At any depth: backingStore, mirror, dataStore. In any namespace: some
        # versions of libvirt take no notice of the namespace.
        sources=[
            source
            for element in disk.descendants()
            if _local(element.tag) == "source"
            for source in _sources(element)
        ],
        domains=domains.get(target, []),
    )


def _sources(element: _Element) -> Iterator[Source]:
    # As for elements, in any namespace: libvirt takes the first attribute with
    # the name. So none takes the place of another.
    values = [(_local(k), v) for k, v in element.attributes.items() if v]
    protocols = [v for name, v in values if name == "protocol"] or [""]
    named = sum(name in _SOURCE for name, _ in values)
    if named * len(protocols) > MAX_MEANINGS:
        raise BadXml(f"has a <source> of more than {MAX_MEANINGS} meanings")
    for kind in _SOURCE:
        for value in (v for name, v in values if name == kind):
            for protocol in protocols:
                yield Source(kind, value, protocol)


def _domains_by_target(root: _Element) -> dict[str, list[str]]:
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
            _local(key.tag): key.own_text().strip()
            for key in device.elements()
        }
        # A managed disk is on a storage domain that VDSM does not know.
        managed = values.get("managed", "").lower() == "true"
        if _IMAGE_KEYS <= values.keys() and not managed:
            target = device.attributes.get("name", "?")
            found.setdefault(target, []).append(values["domainID"].lower())
    return found


# The tree


class _Element(list["str | _Element"]):
    """
    An element: the list of its texts and elements, in their order.

    tag, attributes: the names in a namespace are "<URI of it> <name>".
    """

    __slots__ = ("tag", "attributes")

    def __init__(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes

    def elements(self) -> list[_Element]:
        return [part for part in self if isinstance(part, _Element)]

    def find(self, *tags: str) -> list[_Element]:
        """The elements that this path of tags leads to, in their order."""
        found = [self]
        for tag in tags:
            found = [e for at in found for e in at.elements() if e.tag == tag]
        return found

    def descendants(self) -> Iterator[_Element]:
        """All elements in this one, in the order in which they begin."""
        for element in self.elements():
            yield element
            yield from element.descendants()

    def text(self) -> str:
        """All text, with that of the elements in it: XPath's string()."""
        return "".join(
            part.text() if isinstance(part, _Element) else part
            for part in self
        )

    def own_text(self) -> str:
        """The text without that of the elements in it."""
        return "".join(part for part in self if isinstance(part, str))


# Most elements have none. A dictionary for each of them would cost more than
# all else of an element.
_NO_ATTRIBUTES: dict[str, str] = {}


class _TreeBuilder:
    """Makes the tree of what the parser reports."""

    def __init__(self) -> None:
        # An element above the root; then all that have begun and not ended,
        # down to the last level.
        self._open = [_Element("", _NO_ATTRIBUTES)]
        # How many have begun and not ended below that level.
        self._deeper = 0

    def root(self) -> _Element:
        return self._open[0].elements()[0]

    def doctype(self, *args: object) -> NoReturn:
        raise BadXml("has a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        above = self._open[-1]
        element = _Element(tag, attributes or _NO_ATTRIBUTES)
        if len(self._open) > MAX_LEVELS:
            self._deeper += 1
            if _local(tag) == "source":
                above.append(element)
            return
        if len(self._open) == 1 and tag not in ("domain", "disk"):
            raise BadXml(f"describes no VM, but a {tag[:32]!a}")
        above.append(element)
        self._open.append(element)

    def end(self, tag: str) -> None:
        if self._deeper:
            self._deeper -= 1
        else:
            self._open.pop()

    def characters(self, data: str) -> None:
        self._open[-1].append(data)


def _tree(xml: str | bytes) -> _Element:
    """The root element of a document. Raises BadXml."""
    builder = _TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = builder.doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(xml, True)
    except BadXml:
        raise
    except (expat.ExpatError, ValueError, LookupError) as e:
        # Python's errors are about encodings: unknown ones, lone surrogates.
        raise BadXml(f"cannot be parsed: {e}")
    return builder.root()


def _local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition(" ")[2]
