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

import os
import re
import time
import xml.etree.ElementTree as ET
from contextlib import contextmanager
from unittest import mock

from tests.support.hooks import domxmldata
from tests.support.storage import filedomain
from vdsm_backup import errors
from vdsm_backup.hooks.answer import Hook
from vdsm_backup.host.mounts import Mount
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines
from vdsm_backup.storage import direct
from vdsm_backup.vm import needs
from vdsm_backup.vm import paths as vm_paths

FLAGGED, CLEAN = domxmldata.SD1, domxmldata.SD2
# Read at their own risk.
BROKEN, HUNG = (
    "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1103",
    "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1104",
)
DOMAINS = (FLAGGED, CLEAN, BROKEN, HUNG)

_OVIRT = "{http://ovirt.org/vm/1.0}"
_IMAGE = ("poolID", "domainID", "imageID", "volumeID")

# What refusal.py promises of a line, of which _CODE is the end.
_CODE = re.compile(
    r" \(error (994(?=\); copy the disk elsewhere$)|995(?=: \d{3,4}\)$)"
    r"|(?!99[459])\d{3}(?=\)$))"
)
LINE = re.compile(rf"(?=[ -~]{{1,200}}$).+{_CODE.pattern}.+")


class Source:
    """As hooks.answer.Stdin, of bytes."""

    vm_id = ""

    def __init__(self, data):
        self._data = data

    def read(self):
        return self._data


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
        } | {"/dev/dm-7"}
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
        Whether a disk or lease on the flagged domain is in it: by another
        parser, which has a tree, and by names as the samples have them. What
        it does not see may be refused too.
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
        own = [d for d in disks if d.get("device") not in ("cdrom", "floppy")]
        if any(map(self._is_flagged, own)):
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

    @contextmanager
    def running(self):
        with (
            mock.patch.multiple(
                vm_paths,
                _readlink=lambda path: self._links().get(path),
                _mapper_name=self._mapper_name,
            ),
            mock.patch.object(needs.Finder, "resolve", _resolve),
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


class _Reader:
    """
    In place of direct.DirectReader: four domains are there, wherever somebody
    looks for them.
    """

    def __init__(self, options):
        self._timeout = options.io_timeout

    def read(self, location, timeout):
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


def _target(disk):
    targets = disk.findall("target")
    return targets[0].get("dev") if len(targets) == 1 else None
