# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM needs, by the drives and the XML that VDSM has."""

import math

from tests.support.vdsm.gatekept import ONE, TWO, XML
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup import config
from vdsm_backup.plugin import gatekeeper
from vdsm_backup.vm.paths import Location

pytest_plugins = ["tests.support.journalentries"]


def needs(found):
    return [(need.device, need.location.domain) for need in found]


def test_drives():
    floppy = drive("c", device="floppy")
    lun = {"device": "lun", "GUID": "g"}
    drives = [
        drive("a", domainID=ONE),
        drive("b", device="cdrom"),
        floppy,
        lun,
        {"device": "disk", "path": "/x"},
        {"device": "disk", "name": "f", "domainID": "no image"},
        drive("d", managed=True),
        {k: v for k, v in drive("e").items() if k != "name"},
    ]
    assert needs(gatekeeper.needs_of_drives(drives)) == [
        ("disk a", ONE),
        ("disk e", "sd"),
    ]
    assert gatekeeper.needs_of_drives([drive("a")])[0].location == Location(
        "sd"
    )


def test_xml():
    """Not the CD-ROM; not what only looks like a domain of VDSM."""
    found = gatekeeper.needs_of_xml(XML, config.load(), math.inf)
    assert needs(found) == [("disk vda", ONE), ("a lease", TWO)]
    assert {need.location for need in found} == {Location(ONE), Location(TWO)}


def test_each_domain_is_read_once(gate, world):
    drives = [drive("vda", domainID=ONE), drive("vdx", domainID=ONE)]
    gate.require_allowed("run", "VM x", "id", drives, XML)
    assert sorted(world.reads) == [ONE, TWO]
