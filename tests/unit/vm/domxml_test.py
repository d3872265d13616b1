# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is read of a VM: every form that VDSM makes, its name and leases.

Disks are in domxml_disk_test.py, VDSM's metadata in domxml_metadata_test.py,
documents that are none of a VM in domxml_bad_test.py.
"""

import json
import os

import pytest

from tests.support.hooks import domxmldata
from tests.support.vm.domxmltext import SD, vm
from vdsm_backup.vm import domxml


@pytest.mark.parametrize("name", domxmldata.names())
def test_every_form(name):
    sample = domxmldata.load(name)
    found = domxml.parse(sample.xml)
    assert found == domxml.parse(sample.xml.encode())
    assert found.name == sample.vm
    assert sorted(d.target for d in found.disks) == sorted(sample.disks)
    assert [x for x in found.leases if "-lockspace" not in x] == sample.leases
    assert found.live == ("id='" in sample.xml.split(">")[1])
    for d in found.disks:
        for domain in d.domains:
            assert d.removable or domain in sample.disks[d.target]


def test_every_form_has_two_vms():
    stems = [name.rpartition("-")[0] for name in domxmldata.names()]
    single = {s for s in stems if stems.count(s) != 2}
    # A disk alone is no VM.
    assert {s for s in single if not s.startswith("hotplug")} == set()
    path = os.path.join(domxmldata.DIRECTORY, "expected.json")
    with open(path) as f:
        assert sorted(json.load(f)) == domxmldata.names()


# The VM


def test_name_and_uuid():
    found = domxml.parse(vm(around="<uuid> u\n</uuid>"))
    assert (found.name, found.uuid, found.live) == ("web1", "u", False)
    assert domxml.parse(vm(attributes="id='1'")).live


def test_name_of_something_else():
    around = "<metadata><name>evil</name></metadata><title>t</title>"
    found = domxml.parse(vm("<x><name>y</name><uuid>z</uuid></x>", around))
    assert (found.name, found.uuid) == ("web1", "")


def test_text_in_pieces():
    xml = "<domain><name>a&amp;b<!-- x -->c<![CDATA[<d>]]></name></domain>"
    assert domxml.parse(xml).name == "a&bc<d>"


# Leases


def test_leases():
    lease = "<lease><lockspace>\n a </lockspace><key>k</key></lease>"
    devices = f"{lease}<x>{lease}</x><lockspace>b</lockspace>"
    found = domxml.parse(vm(devices, around=f"<metadata>{lease}</metadata>"))
    assert found.leases == ["a"]
    assert found.lease_paths == []


def test_paths_of_leases():
    targets = [
        "<target path='/a' offset='1'/>",
        "<target offset='1'/>",
        "<target path='LEASE-PATH:x'/><target path='/b'/>",
        "<target xmlns:x='urn:x' x:path='/c' path='/d'/>",
    ]
    leases = [f"<lease>{t}</lease>" for t in targets]
    found = domxml.parse(vm("".join([*leases, "<target path='/c'/>"])))
    assert found.lease_paths == ["/a", "LEASE-PATH:x", "/b", "/c", "/d"]


def test_a_text_with_children():
    xml = "<domain><devices><lease><lockspace>a<x>b</x>c</lockspace></lease>"
    vm = domxml.parse(xml + "</devices></domain>")
    assert vm.leases == ["abc"]


def test_all_text_of_a_lease_at_any_depth():
    """libvirt takes xmlNodeGetContent() of the element."""
    inner = "<x>" * 20 + f"{SD}" + "</x>" * 20
    lease = f"<lease><lockspace>{inner}</lockspace></lease>"
    assert domxml.parse(vm(lease)).leases == [SD]
