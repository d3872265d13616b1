# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM's XML of what matters to a test only, and what is read of it."""

from tests.support.hooks import domxmldata
from vdsm_backup.vm import domxml

SD = domxmldata.SD1
OVIRT = "http://ovirt.org/vm/1.0"
KEYS = {"poolID": "p", "domainID": SD, "imageID": "i", "volumeID": "v"}
SOURCE = "<source file='/a'/>"
PATH = "/rhev/data-center/mnt/nas:_a/sd/images/i/v"


def disk(inside="", target="<target dev='vda'/>", attributes=""):
    return f"<disk {attributes}>{inside}{target}</disk>"


def vm(devices="", around="", attributes=""):
    return (
        f"<domain type='kvm' {attributes}><name>web1</name>{around}"
        f"<devices>{devices}</devices></domain>"
    )


def metadata(name, values=KEYS, attributes="devtype='disk'", more=""):
    inside = "".join(f"<o:{k}>{v}</o:{k}>" for k, v in values.items())
    return (
        f"<metadata><o:vm xmlns:o='{OVIRT}'>"
        f"<o:device {attributes} name='{name}'>{inside}{more}</o:device>"
        "</o:vm></metadata>"
    )


def only_disk(xml):
    (found,) = domxml.parse(xml).disks
    return found


def values(found):
    return [(s.kind, s.value, s.protocol) for s in found.sources]


def others(xml):
    found = domxml.parse(xml).other_paths
    return [(each.device, each.path) for each in found]


def paths(xml):
    return [path for _, path in others(xml)]
