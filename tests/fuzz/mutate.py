# SPDX-License-Identifier: GPL-2.0-or-later
"""
Strategies: bytes that once were, or could be, the XML of a VM.

A plan is drawn by hypothesis and made into bytes by pure functions, so that
what fails is shrunk to few steps. Positions are numbers that wrap around.
"""

import io
import re
import xml.etree.ElementTree as ET

from hypothesis import strategies as st

from tests.fuzz import world
from tests.fuzz.world import DOMAINS, FLAGGED

POOL = "5b1a9a4e-7c7b-4d9b-8a59-0d6e3c1f0001"
VOLUME = "c1d2e3f4-0a1b-4c2d-8e3f-4a5b6c7d0001"
VG = FLAGGED.replace("-", "--")
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"

# Text that means something to the code, or to what is behind it.
PARTS = [
    *DOMAINS,
    POOL,
    VOLUME,
    FLAGGED.upper(),
    f"{FLAGGED}\n",
    f"x{FLAGGED}",
    "..",
    ".",
    "",
    "mnt",
    "blockSD",
    "glusterSD",
    "images",
    "dm_md",
    "$(reboot)",
    "a b;'\"",
    "\x85\u202e\u2028\ufeff",
    "\x85" * 90,
    "\U0001f4be",
    "x" * 300,
    "-" * 300,
]
HEADS = [
    "",
    "/",
    "//",
    "/srv",
    "/dev",
    "/dev/mapper",
    "/run/vdsm/storage",
    "/var/run/vdsm/storage",
    "/loop",
    "/to-flagged",
    "{repo_root}",
    "{repo_root}/mnt/nas1.example.com:_export_data",
    "{repo_root}/mnt",
    "vmstore",
]
PATHS = st.builds(
    lambda head, parts: "/".join([head, *parts]),
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(PARTS), max_size=5),
)
LEAVES = [
    f"/dev/mapper/{VG}-x",
    f"/dev/mapper/{VG}",
    f"/t/{FLAGGED}-{VOLUME}.abcdefgh",
    "/dev/dm-7",
    *world.LUNS,
    *(f"file={path},if=virtio" for path in world.LUNS),
    f"file=/dev/{FLAGGED}/x,format=raw",
    f'{{"filename": "/dev/{FLAGGED}/x"}}',
    f"file:{{repo_root}}/{POOL}/{FLAGGED}/images/a/b",
    "root=/ rw",
    "0",
    "scsi_host0",
    "json:{}",
    "true",
    "disk",
    "cdrom",
    "gluster",
    "vda",
    "?",
    "/a" * 3000,
]
# What no XML can have is left to the bytes.
TEXTS = st.one_of(
    PATHS,
    st.sampled_from(LEAVES),
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
        max_size=20,
    ),
)
TAGS = [
    "domain",
    "devices",
    "disk",
    "source",
    "target",
    "backingStore",
    "mirror",
    "lease",
    "lockspace",
    "metadata",
    "title",
    "description",
    "resource",
    "os",
    "kernel",
    "nvram",
    "serial",
    "filesystem",
    "hostdev",
    "adapter",
    "address",
    f"{QEMU}commandline",
    f"{QEMU}arg",
    "{http://ovirt.org/vm/1.0}vm",
    "{http://ovirt.org/vm/1.0}device",
    "{http://ovirt.org/vm/1.0}domainID",
    "{urn:x}disk",
    "name",
    "uuid",
    "x",
]
ATTRIBUTES = [
    "file",
    "dev",
    "name",
    "dir",
    "protocol",
    "device",
    "devtype",
    "type",
    "id",
    "path",
    "value",
    "bus",
    "unit",
    "{urn:x}file",
    "{urn:x}device",
]
TOKENS = [
    b"<",
    b">",
    b"</disk>",
    b"<disk>",
    b"<disk device='cdrom'>",
    b"<source file='/a'/>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"<?x?>",
    b"&amp;",
    b"&x;",
    b"&#0;",
    b"&#133;",
    b"&#x202e;",
    b"<!DOCTYPE domain [<!ENTITY x 'y'>]>",
    b"\0",
    b"\xff",
    b"\xff\xfe",
    b"\xc2\x85",
    b"'",
    b'"',
    b" ",
    b"\n",
    b" xmlns='urn:x'",
    b"<?xml version='1.1'?>",
    b"<?xml version='1.0' encoding='utf-16'?>",
    b"<?xml version='1.0' encoding='no-such'?><domain/>",
    b"<?xml version='1.0' encoding='shift_jis'?><domain/>",
    b"<a>" * 1100,
    b"..",
    b"/",
    b"-",
    FLAGGED.encode(),
]
ENCODINGS = ["utf-8", "utf-16", "us-ascii", "latin-1"]

# Where a path can stand: a path of tags, and an attribute; None: in the text.
OTHERS = [
    ("devices/serial/source", "path"),
    ("devices/filesystem/source", "dir"),
    ("devices/filesystem/target", "dir"),
    ("devices/memory/source/path", None),
    ("devices/a/b/c/d/e/f", "g"),
    ("devices/a/b/c/d/e/f", None),
    ("devices/disk", "a"),
    ("os/nvram", None),
    ("os/kernel", None),
    ("metadata/x", "y"),
    ("description", None),
    (f"{QEMU}commandline/{QEMU}arg", "value"),
    (f"{QEMU}commandline", None),
]

_NUMBER = st.integers(0, 10**4)
BYTE_STEPS = st.lists(
    st.tuples(
        st.sampled_from("insert replace delete repeat flip cut move".split()),
        _NUMBER,
        st.integers(0, 40),
        st.sampled_from(TOKENS),
    ),
    min_size=1,
    max_size=5,
)
TREE_STEPS = st.lists(
    st.tuples(
        st.sampled_from("drop copy move wrap rename text set unset".split()),
        _NUMBER,
        _NUMBER,
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        TEXTS,
    ),
    max_size=6,
)


def bytes_of(data, steps):
    """Bytes after steps of BYTE_STEPS."""
    for kind, position, length, token in steps:
        at = position % (len(data) + 1)
        head, middle, tail = data[:at], data[at : at + length], data[at:]
        rest = tail[length:]
        if kind == "insert":
            data = head + token + tail
        elif kind == "replace":
            data = head + token + rest
        elif kind == "delete":
            data = head + rest
        elif kind == "repeat":
            data = head + middle * 3 + rest
        elif kind == "flip":
            data = head + bytes(b ^ (1 << length % 8) for b in tail[:1])
            data += tail[1:]
        elif kind == "cut":
            data = head
        else:
            data = rest + head + middle
    return data


def tree_of(xml, steps, encoding, repo_root):
    """The bytes of an XML after steps of TREE_STEPS."""
    root = ET.fromstring(xml)
    for kind, here, there, tag, attribute, text in steps:
        text = text.replace("{repo_root}", repo_root)
        nodes = list(root.iter())
        node, other = nodes[here % len(nodes)], nodes[there % len(nodes)]
        if kind == "rename":
            node.tag = tag
        elif kind == "text":
            node.text = text
        elif kind == "set":
            node.set(attribute, text)
        elif kind == "unset":
            node.attrib.pop(attribute, None)
        elif kind == "wrap":
            _wrap(node, tag)
        else:
            _plant(root, node, other, kind)
    out = io.BytesIO()
    ET.ElementTree(root).write(out, encoding, xml_declaration=True)
    return out.getvalue()


def others_of(plan, repo_root):
    """The bytes of a VM with (one of OTHERS, text) each."""
    root = ET.Element("domain")
    for (tags, attribute), text in plan:
        text = text.replace("{repo_root}", repo_root)
        node = root
        for tag in _tags(tags):
            node = ET.SubElement(node, tag)
        if attribute is None:
            node.text = text
        else:
            node.set(attribute, text)
    return ET.tostring(root)


def _tags(path):
    """As path.split("/"), but for the slashes of a namespace."""
    return re.findall(r"(?:\{[^}]*\})?[^/{]+", path)


def _wrap(node, tag):
    """All children of a node go into a new one."""
    inner = ET.Element(tag)
    inner.extend(list(node))
    for child in list(inner):
        node.remove(child)
    node.append(inner)


def _plant(root, node, other, kind):
    """drop, or copy or move below another node."""
    if kind in ("copy", "move") and other not in set(node.iter()):
        # A copy, so that no tree has a node twice.
        other.append(ET.fromstring(ET.tostring(node)))
    if kind in ("drop", "move"):
        for parent in root.iter():
            if node in list(parent):
                parent.remove(node)
                return
