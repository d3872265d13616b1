# SPDX-License-Identifier: GPL-2.0-or-later
"""
Child process: which running VMs of this host use a storage domain.

Run by its path with libvirt's URI and the domain's UUID: libvirt's calls can
hang for ever. One JSON object a line, flushed after each VM:

    {"vm": "web1", "uses": ["disk vda", "lease"], "cdroms": ["sdc"]}
    {"unseen": "VM web2: ..."}
    {"end": true}

The connection is read-only: VDSM puts a password on the other socket.

A VM's XML is untrusted. It is never made into a tree; a document type, the
only place where entities can be declared, is refused.
"""

import json
import re
import sys
from xml.parsers import expat

# Longest text in libvirt's protocol: REMOTE_STRING_MAX in
# src/remote/remote_protocol.x
MAX_XML = 4 * 1024**2

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"

_DISK = ["domain", "devices", "disk"]
_TARGET = [*_DISK, "target"]
_LOCKSPACE = ["domain", "devices", "lease", "lockspace"]

# Where a <source> says what it is, by the type of the disk: file, block,
# network, dir.
_SOURCE = ("file", "dev", "name", "dir")


class BadXml(ValueError):
    """XML that no VM has."""


def main(uri, sd_id):
    try:
        import libvirt
    except ImportError:
        _say({"unseen": "VMs of this host: libvirt is not installed"})
    else:
        try:
            _look(libvirt, uri, sd_id)
        except libvirt.libvirtError as e:
            text = e.get_error_message()
            _say({"unseen": f"VMs of this host: libvirt: {text}"})
    _say({"end": True})


def _look(libvirt, uri, sd_id):
    connection = libvirt.openReadOnly(uri)
    active = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
    for vm in connection.listAllDomains(active):
        try:
            found = uses(vm.XMLDesc(0), sd_id)
        except BadXml as e:
            _say({"unseen": f"VM {vm.name()}: its XML {e}"})
        except libvirt.libvirtError as e:
            # A VM that has ended meanwhile uses nothing.
            if e.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                text = e.get_error_message()
                _say({"unseen": f"VM {vm.name()}: libvirt: {text}"})
        else:
            if any(found.values()):
                _say({"vm": vm.name(), **found})


def uses(xml, sd_id):
    """
    What of the storage domain a VM uses: disks, with all of their backing
    chains and mirrors, and leases in `uses`; CD-ROMs, which may stay, apart.

    Raises BadXml.
    """
    if len(xml) > MAX_XML:
        raise BadXml(f"is longer than {MAX_XML} characters")
    reader = _Reader(sd_id)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, UnicodeEncodeError) as e:
        raise BadXml(f"cannot be parsed: {e}")
    return {"uses": reader.uses, "cdroms": reader.cdroms}


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
    transient = f"(?:.*/)?{re.escape(sd_id)}-{_UUID}\\.[^/]*"
    if re.fullmatch(transient, source, re.DOTALL):
        return True
    return source.startswith(f"/dev/mapper/{sd_id.replace('-', '--')}-")


class _Reader:
    """Takes the events of the parser; knows where in the document it is."""

    def __init__(self, sd_id):
        self.uses = []
        self.cdroms = []
        self._sd_id = sd_id
        self._path = []
        self._used = False
        self._lockspace = ""

    def doctype(self, *args):
        raise BadXml("has a document type")

    def start(self, tag, attributes):
        self._path.append(tag)
        if self._path == _DISK:
            self._device = attributes.get("device", "disk")
            self._target = "?"
            self._used = False
        elif self._path == _TARGET:
            self._target = attributes.get("dev", "?")
        elif self._path == _LOCKSPACE:
            self._lockspace = ""
        elif tag == "source":
            # Of a disk at any depth: backingStore, mirror, dataStore. One
            # that is not in a disk is forgotten when a disk begins.
            values = (attributes.get(name, "") for name in _SOURCE)
            if any(belongs(value, self._sd_id) for value in values):
                self._used = True

    def text(self, data):
        if self._path == _LOCKSPACE:
            self._lockspace += data

    def end(self, tag):
        if self._path == _DISK and self._used:
            self._end_disk()
        elif self._path == _LOCKSPACE and self._lockspace == self._sd_id:
            self.uses.append("lease")
        self._path.pop()

    def _end_disk(self):
        if self._device == "cdrom":
            self.cdroms.append(self._target)
        else:
            self.uses.append(f"disk {self._target}")


def _say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
