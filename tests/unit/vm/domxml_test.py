# SPDX-License-Identifier: GPL-2.0-or-later
"""What is read; documents that are none of a VM are in domxml_bad_test.py."""

import json
import os

import pytest

from tests.support.hooks import domxmldata
from vdsm_backup.vm import domxml

SD = domxmldata.SD1
OVIRT = "http://ovirt.org/vm/1.0"
KEYS = {"poolID": "p", "domainID": SD, "imageID": "i", "volumeID": "v"}


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


# Disks


@pytest.mark.parametrize("kind", ["file", "dev", "name", "dir"])
def test_source_of_each_type(kind):
    found = only_disk(vm(disk(f"<source {kind}='/a'/>")))
    assert values(found) == [(kind, "/a", "")]


def test_protocol():
    source = "<source protocol='gluster' name='v/x'><host name='h'/></source>"
    assert values(only_disk(vm(disk(source)))) == [("name", "v/x", "gluster")]


def test_two_attributes_are_two_sources():
    found = only_disk(vm(disk("<source file='/a' dev='/b' name=''/>")))
    assert values(found) == [("file", "/a", ""), ("dev", "/b", "")]


@pytest.mark.parametrize(
    "first, second", [("x:file", "file"), ("file", "x:file")]
)
def test_an_attribute_of_any_namespace_hides_no_other(first, second):
    source = f"<source xmlns:x='urn:x' {first}='/a' {second}='/b'/>"
    found = only_disk(vm(disk(source)))
    assert values(found) == [("file", "/a", ""), ("file", "/b", "")]


def test_a_protocol_of_any_namespace_hides_no_other():
    source = "<source xmlns:x='urn:x' protocol='gluster' x:protocol='?'/>"
    source = source.replace("/>", " name='v/x'/>")
    found = values(only_disk(vm(disk(source))))
    assert found == [("name", "v/x", "gluster"), ("name", "v/x", "?")]


@pytest.mark.parametrize("source", ["", "<source/>", "<source file=''/>"])
def test_no_source(source):
    assert only_disk(vm(disk(source))).sources == []


def test_defaults():
    found = only_disk(vm("<disk/>"))
    assert (found.device, found.target, found.domains) == ("disk", "?", [])
    assert only_disk(vm(disk(target="<target/>"))).target == "?"


@pytest.mark.parametrize("device", ["disk", "lun", "cdrom", "floppy", "CDROM"])
def test_device(device):
    found = only_disk(vm(disk(attributes=f"device='{device}'")))
    assert found.device == device
    assert found.removable == (device in ("cdrom", "floppy"))


@pytest.mark.parametrize(
    "attributes, removable",
    [
        ("x:device='disk' device='cdrom'", False),
        ("device='cdrom' x:device='disk'", False),
        ("x:device='cdrom' device='lun'", False),
        ("x:device='' device='cdrom'", False),
        ("x:device='cdrom'", True),
        ("x:device='floppy' device='cdrom'", True),
    ],
)
def test_device_of_any_namespace(attributes, removable):
    """libvirt takes the first attribute that has the name."""
    attributes = f"xmlns:x='urn:x' {attributes}"
    for xml in (
        vm(disk(SOURCE, attributes=attributes)),
        disk(SOURCE, attributes=attributes),
    ):
        assert only_disk(xml).removable == removable


@pytest.mark.parametrize(
    "around", ["backingStore", "mirror", "dataStore", "x"]
)
def test_sources_at_any_depth(around):
    inner = f"<{around}><source file='/c'/></{around}>"
    inner = f"<{around}><source file='/b'/>{inner}</{around}>"
    found = only_disk(vm(disk(f"<source file='/a'/>{inner}")))
    assert [s.value for s in found.sources] == ["/a", "/b", "/c"]


def test_target_of_something_deeper():
    inner = "<mirror><target dev='vdz'/></mirror>"
    found = only_disk(vm(disk(target=f"<target dev='vda'/>{inner}")))
    assert found.target == "vda"


def test_two_targets():
    """Whichever libvirt takes, VDSM's metadata of it counts."""
    targets = (
        "<target xmlns:x='urn:x' x:dev='vdx' dev='vda'/><target dev='vdb'/>"
        "<x:target xmlns:x='urn:x' dev='vdc'/>"
    )
    for target in ("vdx", "vda", "vdb", "vdc"):
        found = only_disk(vm(disk(target=targets), metadata(target)))
        assert (found.target, found.domains) == ("vdx", [SD])


def test_disk_in_a_disk():
    inner = "<disk device='cdrom'><source dev='/b'/></disk>"
    found = only_disk(vm(disk(inner)))
    assert (found.device, found.target) == ("disk", "vda")
    assert values(found) == [("dev", "/b", "")]


SOURCE = "<source file='/a'/>"


@pytest.mark.parametrize(
    "xml",
    [
        vm(SOURCE),
        vm(f"<interface>{SOURCE}</interface>"),
        vm(f"<x>{disk(SOURCE)}</x>"),
        vm(around=disk(SOURCE)),
        vm(around=f"<metadata>{disk(SOURCE)}</metadata>"),
        vm(around=f"<domain><devices>{disk(SOURCE)}</devices></domain>"),
        vm(around=f"<metadata>{vm(disk(SOURCE))}</metadata>"),
        vm(f"<d:disk xmlns:d='urn:d'>{SOURCE}</d:disk>"),
        vm("<!-- <disk><source file='/a'/></disk> -->"),
        vm("<![CDATA[<disk><source file='/a'/></disk>]]>"),
    ],
)
def test_not_a_disk_of_the_vm(xml):
    assert domxml.parse(xml).disks == []


def test_after_a_disk_a_source_belongs_to_nobody():
    found = only_disk(vm(f"{disk()}<filesystem>{SOURCE}</filesystem>"))
    assert found.sources == []


def test_a_disk_alone():
    found = domxml.parse(disk(SOURCE, attributes="device='lun'"))
    assert (found.name, found.live) == ("", False)
    assert [(d.device, d.target) for d in found.disks] == [("lun", "vda")]
    assert values(found.disks[0]) == [("file", "/a", "")]


# VDSM's metadata


def test_claim():
    around = metadata("vda")
    assert only_disk(vm(disk(SOURCE), around)).domains == [SD]
    # Also after the devices, and with another prefix.
    after = vm(disk(SOURCE)).replace("</domain>", f"{around}</domain>")
    assert only_disk(after).domains == [SD]
    assert only_disk(
        after.replace("o:", "x:").replace(":o=", ":x=")
    ).domains == [SD]


def test_claim_without_prefix():
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in KEYS.items())
    around = (
        f"<metadata><vm xmlns='{OVIRT}'><device devtype='disk' name='vda'>"
        f"{inside}</device></vm></metadata>"
    )
    assert only_disk(vm(disk(), around)).domains == [SD]


@pytest.mark.parametrize("key", KEYS)
def test_claim_that_is_no_image(key):
    rest = {k: v for k, v in KEYS.items() if k != key}
    assert only_disk(vm(disk(), metadata("vda", rest))).domains == []


@pytest.mark.parametrize(
    "managed, domains",
    [("true", []), ("True", []), ("false", [SD]), ("False", [SD]), ("", [SD])],
)
def test_managed(managed, domains):
    around = metadata("vda", {**KEYS, "managed": managed})
    assert only_disk(vm(disk(), around)).domains == domains


def test_two_devices_of_one_name():
    around = metadata("vda") + metadata("vda", {**KEYS, "domainID": "other"})
    assert only_disk(vm(disk(), around)).domains == [SD, "other"]


def test_a_source_with_attributes_in_a_namespace():
    xml = (
        "<domain xmlns:n='urn:x'><devices><disk><source n:file='/a'/></disk>"
        "</devices></domain>"
    )
    assert values(only_disk(xml)) == [("file", "/a", "")]


def test_upper_case_claim():
    around = metadata("vda", {**KEYS, "domainID": SD.upper()})
    assert only_disk(vm(disk(), around)).domains == [SD]


@pytest.mark.parametrize(
    "around",
    [
        metadata("vdb"),
        metadata("vda", attributes="devtype='lease'"),
        metadata("vda", attributes=""),
        metadata("vda").replace(OVIRT, "http://ovirt.org/vm/2.0"),
        metadata("vda").replace("o:vm", "o:group"),
        metadata("vda").replace("metadata>", "description>"),
        f"<metadata>{metadata('vda')}</metadata>",
        metadata("vda", {}, more=metadata("x").replace("metadata", "o:spec")),
    ],
)
def test_claim_of_something_else(around):
    assert only_disk(vm(disk(), around)).domains == []


def test_children_that_could_be_taken_for_the_device():
    # A key called as the attribute, keys of its children, a replica.
    more = (
        "<o:name>vdb</o:name>"
        "<o:diskReplicate><o:domainID>other</o:domainID></o:diskReplicate>"
        "<o:volumeChain><o:volumeChainNode><o:domainID>other</o:domainID>"
        "</o:volumeChainNode></o:volumeChain>"
    )
    two = disk() + disk(target="<target dev='vdb'/>")
    found = domxml.parse(vm(two, metadata("vda", more=more)))
    assert [d.domains for d in found.disks] == [[SD], []]


def test_device_in_a_device():
    inner = "".join(f"<o:{k}>w</o:{k}>" for k in KEYS)
    more = f"<o:device devtype='disk' name='vdb'>{inner}</o:device>"
    two = disk() + disk(target="<target dev='vdb'/>")
    found = domxml.parse(vm(two, metadata("vda", more=more)))
    assert [d.domains for d in found.disks] == [[SD], []]


def test_other_devices_change_no_claim():
    other = "<o:device devtype='lease' name='vda'><o:domainID>x</o:domainID>"
    around = metadata("vda").replace("</o:vm>", f"{other}</o:device></o:vm>")
    assert only_disk(vm(disk(), around)).domains == [SD]


def test_metadata_of_disks_that_are_not_there():
    assert domxml.parse(vm(around=metadata("vda"))).disks == []


def test_a_text_with_children():
    xml = "<domain><devices><lease><lockspace>a<x>b</x>c</lockspace></lease>"
    vm = domxml.parse(xml + "</devices></domain>")
    assert vm.leases == ["abc"]


def test_all_text_of_a_lease_at_any_depth():
    """libvirt takes xmlNodeGetContent() of the element."""
    inner = "<x>" * 20 + f"{SD}" + "</x>" * 20
    lease = f"<lease><lockspace>{inner}</lockspace></lease>"
    assert domxml.parse(vm(lease)).leases == [SD]


def test_text_in_what_a_key_of_the_metadata_has_is_not_its_own():
    around = metadata("vda").replace(SD, f"{SD}<o:x>a<o:y>b</o:y></o:x>")
    assert only_disk(vm(disk(), around)).domains == [SD]


def test_a_source_in_a_namespace():
    xml = (
        "<domain xmlns:n='urn:x'><devices><disk><n:source file='/a'/></disk>"
        "</devices></domain>"
    )
    (disk,) = domxml.parse(xml).disks
    assert [source.value for source in disk.sources] == ["/a"]
