# SPDX-License-Identifier: GPL-2.0-or-later
"""
A host for a fuzzed hook, and what must be true of its answers.

Real: everything from the bytes of the XML to the answer: hooks.answer, all of
vm, all of guard with its threads, metadata, and the configuration, read from
its file each time. Not real, since an input must start no process and touch no
storage: the reading of a domain (storage.direct), the child process that
follows links on a mount (Finder.resolve), the links and names of this host
(readlink, sysfs, the table of mounts), the change of the user, the journal's
socket.
"""

import json
import os
import re
import time
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from unittest import mock

from tests.support.hooks import domxmldata
from tests.support.hooks.bytesource import Source
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.hooks.answer import Hook
from vdsm_backup.host import block_stack
from vdsm_backup.host.mounts import Mount
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import direct
from vdsm_backup.vm import links, needs, shared_directories
from vdsm_backup.vm import paths as vm_paths

FLAGGED, CLEAN = domxmldata.SD1, domxmldata.SD2
# Read at their own risk.
BROKEN, HUNG = (
    "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1103",
    "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1104",
)
DOMAINS = (FLAGGED, CLEAN, BROKEN, HUNG)

# LUNs that are PVs, by their paths: of which domain sysfs tells, or who reads
# the LUN.
LUNS = {
    "/dev/lun-in-use": FLAGGED,
    "/dev/lun": FLAGGED,
    "/dev/lun-clean": CLEAN,
    "/dev/lun-hung": HUNG,
    "/dev/lun-blank": None,
}
_SCSI = "0:0:0:0"

NO_PATHS = ("metadata", "title", "description", "resource")

_OVIRT = "{http://ovirt.org/vm/1.0}"
_IMAGE = ("poolID", "domainID", "imageID", "volumeID")

# What refusal.py promises of a line, of which _CODE is the end.
_CODE = re.compile(
    r" \(error (994(?=\); copy the disk elsewhere$)|995(?=: \d{3,4}\)$)"
    r"|(?!99[459])\d{3}(?=\)$))"
)
LINE = re.compile(rf"(?=[ -~]{{1,200}}$).+{_CODE.pattern}.+")


class World:
    """
    answer(): of the hook, to an XML of bytes. samples: the data files.
    """

    def __init__(self, repo_root, config):
        self.samples = [
            domxmldata.load(name, FLAGGED, CLEAN, repo_root)
            for name in domxmldata.names()
        ]
        # Each path that a disk on the flagged domain has in the samples.
        self.flagged_paths = {
            value
            for sample in self.samples
            for value in re.findall(r"[\"']([^\"'\n]*)[\"']", sample.xml)
            if value.startswith("/") and FLAGGED in value.replace("--", "-")
        } | {"/dev/dm-7", "/dev/lun", "/dev/lun-in-use"}
        self.flagged_names = {
            value
            for sample in self.samples
            for value in re.findall(r"name=[\"']([^\"']*)[\"']", sample.xml)
            if value.startswith(f"vmstore/{FLAGGED}/")
        }
        self._config = config
        self._mount = f"{repo_root}/mnt/nas1.example.com:_export_data"

    def answer(self, data, operation="run"):
        hook = Hook(operation, self._config, time.monotonic())
        return hook.answer(Source(data))

    def check(self, data, operation="run"):
        """Raises AssertionError; returns the code of a refusal, or 0."""
        answer = self.answer(data, operation)
        if answer.allowed:
            assert answer.text == "", answer
            assert not self.must_refuse(data), data
        else:
            assert LINE.fullmatch(answer.text), answer
            assert len(answer.text) <= 200, answer
        return 0 if answer.allowed else int(_CODE.search(answer.text)[1])

    def must_refuse(self, data):
        """
        Whether a disk or lease on the flagged domain is in it, or any other
        path that is: by another parser, which has a tree, and by names as the
        samples have them. What it does not see may be refused too.
        """
        if b"<!DOCTYPE" in data or b"D\0O\0C" in data:
            return False
        try:
            root = ET.fromstring(data)
        except (ET.ParseError, ValueError, LookupError):
            return False
        disks = root.findall("./devices/disk")
        if root.tag == "disk":
            disks = [root]
        elif root.tag != "domain":
            return False
        own = [d for d in disks if not _is_removable(d)]
        if any(map(self._is_flagged, own)):
            return True
        if any(self._names_flagged(*text) for text in _texts(root)):
            return True
        spaces = root.findall("./devices/lease/lockspace")
        if any(
            (s.text or "").strip() == FLAGGED for s in spaces if not len(s)
        ):
            return True
        return bool(_claims(root) & set(filter(None, map(_target, own))))

    def _is_flagged(self, disk):
        for source in disk.iter("source"):
            if {source.get(k) for k in ("file", "dev", "dir")} & (
                self.flagged_paths
            ):
                return True
            if source.get("protocol") == "gluster":
                if source.get("name") in self.flagged_names:
                    return True
        return False

    def _names_flagged(self, is_argument, text):
        ends = text.split(",")
        words = [text, *(end.partition("=")[2] for end in ends)]
        try:
            words.append(json.loads(text)["filename"])
        except (ValueError, LookupError, TypeError):
            pass
        found = words if is_argument else [text.strip()]
        return bool(self.flagged_paths.intersection(map(str, found)))

    @contextmanager
    def running(self):
        with (
            mock.patch.multiple(
                links,
                _readlink=lambda path: self._links().get(path),
                _mapper_name=self._mapper_name,
            ),
            mock.patch.object(needs.Finder, "resolve", _resolve),
            mock.patch.object(shared_directories, "_may_be", bool),
            mock.patch.multiple(
                block_stack,
                number=lambda path: path if path[1:] in LUNS else None,
                of_number=lambda number: _stack(number[1:]),
                of_scsi=lambda a: _stack("/dev/lun") if a == _SCSI else None,
            ),
            mock.patch.object(direct, "DirectReader", _Reader),
            mock.patch("vdsm_backup.host.mounts.table", self._table),
            mock.patch("vdsm_backup.hooks.answer.become_user"),
            mock.patch("vdsm_backup.host.journal.send"),
        ):
            yield self

    def _links(self):
        return {"/loop": "loop", "/to-flagged": f"/dev/{FLAGGED}/x"}

    def _mapper_name(self, path, sysfs):
        name = FLAGGED.replace("-", "--")
        return f"/dev/mapper/{name}-x" if path == "/dev/dm-7" else None

    def _table(self):
        return [
            Mount("/", "ext4", "/dev/vda1", "rw", "/"),
            Mount(self._mount, "nfs4", "nas1.example.com:/export", "rw", "/"),
            Mount("/srv", "nfs4", "nas2.example.com:/srv", "rw", "/"),
        ]


def _resolve(self, paths, timeout):
    """Finder.resolve() where no link is."""
    found = [
        needs.Need(device, location)
        for device, path in paths
        for location in self._locations([os.path.normpath(path)])
    ]
    return found, [], None


def _stack(lun):
    if lun == "/dev/lun-in-use":
        return block_stack.Stack([FLAGGED], None)
    return block_stack.Stack([], lun)


class _Reader:
    """
    In place of direct.DirectReader: four domains are there, wherever somebody
    looks for them.
    """

    lag = 0

    def __init__(self, options, locations=(), slow=None):
        self._timeout = options.io_timeout

    def read(self, location, timeout):
        if location.kind == vm_paths.LUN:
            domain = LUNS[location.directory]
            if domain is None:
                raise vm_paths.NotADomain(location.directory)
            location = vm_paths.Location(
                domain, location.kind, location.directory, location.candidate
            )
        if location.domain == HUNG:
            raise errors.StorageTimeout(location.directory or "x", timeout)
        if location.domain not in DOMAINS:
            if location.candidate:
                raise vm_paths.NotADomain(location.directory)
            raise errors.DomainNotFound(location.domain)
        values = filedomain.metadata(
            location.domain, name="backups \u202e" * 9
        )
        if location.domain == FLAGGED:
            values[flag.BACKUP] = "True"
            values[flag.REASON] = "nightly\x85 copies" * 20
        lines = md_lines.flush(values)
        if location.domain == BROKEN:
            lines[-1] += "0"
        return lines


def _claims(root):
    """Targets that VDSM's metadata puts on the flagged domain, clearly."""
    devices = [
        d
        for d in root.findall(f"./metadata/{_OVIRT}vm/{_OVIRT}device")
        if d.get("devtype") == "disk"
    ]
    names = [d.get("name") for d in devices]
    claims = set()
    for device in devices:
        values = {}
        for child in device:
            values.setdefault(child.tag, []).append(child)
        keys = [values.get(_OVIRT + key, []) for key in _IMAGE]
        if any(len(k) != 1 or len(k[0]) for k in keys):
            continue
        if any(tag.endswith("managed") for tag in values):
            continue
        if names.count(device.get("name")) == 1:
            if (keys[1][0].text or "").strip() == FLAGGED:
                claims.add(device.get("name"))
    return claims


def _is_removable(disk):
    devices = [v for k, v in disk.items() if k.rpartition("}")[2] == "device"]
    return bool(devices) and set(devices) <= {"cdrom", "floppy"}


def _texts(root):
    """
    (whether it is for qemu, text) for each text, and each value of an
    attribute, that may be a path.
    """
    todo = [(root, ())]
    while todo:
        node, above = todo.pop()
        chain = (*above, node)[:3]
        if _is_left_out(chain, node):
            continue
        todo += [(child, chain) for child in node]
        owner = _owner(chain)
        if owner is not None:
            texts = [node.text, *_values(node)]
            texts += [child.tail for child in node]
            for text in filter(None, texts):
                yield owner.tag.startswith("{"), text


def _values(node):
    """Of its attributes, but for a name on another host."""
    for key, value in node.items():
        names = [x.rpartition("}")[2] for x in (node.tag, key)]
        if names != ["source", "name"]:
            yield value


def _owner(chain):
    """The device, or what is beside <devices>."""
    if chain[0].tag == "disk":
        return chain[0]
    at = 2 if chain[1:] and chain[1].tag in ("devices", "os") else 1
    return chain[at] if len(chain) > at else None


def _is_left_out(chain, node):
    tags = [each.tag for each in chain]
    if tags == ["disk"] or tags == ["domain", "devices", "disk"]:
        return _is_removable(chain[-1])
    if tags[:1] == ["domain"] and tags[1:2] and tags[1] in NO_PATHS:
        return True
    if tags[1:] in (["os", "kernel"], ["os", "initrd"], ["os", "dtb"]):
        return True
    in_filesystem = tags[1:] == ["devices", "filesystem"]
    return in_filesystem and node.tag == "target"


def _target(disk):
    targets = disk.findall("target")
    return targets[0].get("dev") if len(targets) == 1 else None
