# SPDX-License-Identifier: GPL-2.0-or-later
import encodings.aliases
import json
import os

import pytest

from tests.support import domxmldata
from vdsm_backup import domxml

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
        if d.domain:
            assert d.removable or d.domain in sample.disks[d.target]


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


@pytest.mark.parametrize("source", ["", "<source/>", "<source file=''/>"])
def test_no_source(source):
    assert only_disk(vm(disk(source))).sources == []


def test_defaults():
    found = only_disk(vm("<disk/>"))
    assert (found.device, found.target, found.domain) == ("disk", "?", "")
    assert only_disk(vm(disk(target="<target/>"))).target == "?"


@pytest.mark.parametrize("device", ["disk", "lun", "cdrom", "floppy", "CDROM"])
def test_device(device):
    found = only_disk(vm(disk(attributes=f"device='{device}'")))
    assert found.device == device
    assert found.removable == (device in ("cdrom", "floppy"))


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
    assert only_disk(vm(disk(SOURCE), around)).domain == SD
    # Also after the devices, and with another prefix.
    after = vm(disk(SOURCE)).replace("</domain>", f"{around}</domain>")
    assert only_disk(after).domain == SD
    assert (
        only_disk(after.replace("o:", "x:").replace(":o=", ":x=")).domain == SD
    )


def test_claim_without_prefix():
    inside = "".join(f"<{k}>{v}</{k}>" for k, v in KEYS.items())
    around = (
        f"<metadata><vm xmlns='{OVIRT}'><device devtype='disk' name='vda'>"
        f"{inside}</device></vm></metadata>"
    )
    assert only_disk(vm(disk(), around)).domain == SD


@pytest.mark.parametrize("key", KEYS)
def test_claim_that_is_no_image(key):
    rest = {k: v for k, v in KEYS.items() if k != key}
    assert only_disk(vm(disk(), metadata("vda", rest))).domain == ""


@pytest.mark.parametrize(
    "managed, domain",
    [("true", ""), ("True", ""), ("false", SD), ("False", SD), ("", SD)],
)
def test_managed(managed, domain):
    around = metadata("vda", {**KEYS, "managed": managed})
    assert only_disk(vm(disk(), around)).domain == domain


def test_upper_case_claim():
    around = metadata("vda", {**KEYS, "domainID": SD.upper()})
    assert only_disk(vm(disk(), around)).domain == SD


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
    assert only_disk(vm(disk(), around)).domain == ""


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
    assert [d.domain for d in found.disks] == [SD, ""]


def test_device_in_a_device():
    inner = "".join(f"<o:{k}>w</o:{k}>" for k in KEYS)
    more = f"<o:device devtype='disk' name='vdb'>{inner}</o:device>"
    two = disk() + disk(target="<target dev='vdb'/>")
    found = domxml.parse(vm(two, metadata("vda", more=more)))
    assert [d.domain for d in found.disks] == [SD, ""]


def test_metadata_of_disks_that_are_not_there():
    assert domxml.parse(vm(around=metadata("vda"))).disks == []


# What is no XML of a VM

ENTITIES = "".join(
    f"<!ENTITY e{n} '{f'&e{n - 1};' * 10 if n else 'lol'}'>" for n in range(30)
)


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE domain>",
        f"<!DOCTYPE domain [{ENTITIES}]>",
        "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'>",
        "<!DOCTYPE domain PUBLIC 'x' 'http://192.0.2.1/x.dtd'>",
        "<!DOCTYPE domain [<!ENTITY % p SYSTEM 'file:///dev/zero'> %p;]>",
        "<!DOCTYPE domain [<!ATTLIST disk device CDATA 'cdrom'>]>",
    ],
)
def test_document_type(doctype):
    xml = doctype + vm(disk(SOURCE), around="<title>&e29;</title>")
    for text in (xml, xml.encode(), xml.encode("utf-16")):
        with pytest.raises(domxml.BadXml, match="document type"):
            domxml.parse(text)


def test_entities_are_not_expanded(monkeypatch):
    seen = []
    monkeypatch.setattr(
        domxml._Reader, "characters", lambda self, data: seen.append(data)
    )
    with pytest.raises(domxml.BadXml):
        domxml.parse(f"<!DOCTYPE domain [{ENTITIES}]><domain>&e29;</domain>")
    assert seen == []


def test_entity_that_nobody_declared():
    with pytest.raises(domxml.BadXml, match="undefined entity"):
        domxml.parse(vm(disk("<source file='&evil;'/>")))


@pytest.mark.parametrize(
    "xml",
    [
        "",
        b"",
        " ",
        "no XML",
        "{}",
        "<domain>",
        "<domain></disk>",
        vm() + vm(),
        disk() + disk(),
        vm() + disk(),
        vm() + "x",
        "<domain a='1' a='2'/>",
        "<domain><x:disk/></domain>",
        vm(disk("<source file='/a\0'/>")),
        vm(disk("<source file='/a&#0;'/>")),
        vm(disk("<source file='/a\udcff'/>")),
        vm().encode() + b"\xff",
        b"\xfe\xff" + vm().encode(),
        vm().encode("utf-32"),
        b"\0" * 100,
    ],
)
def test_broken(xml):
    with pytest.raises(domxml.BadXml, match="cannot be parsed"):
        domxml.parse(xml)


@pytest.mark.parametrize(
    "root", ["domainsnapshot", "Domain", "d:domain", "disks", "x" * 1000]
)
def test_another_document(root):
    xml = f"<{root} xmlns:d='urn:d'>{vm()}</{root}>"
    with pytest.raises(domxml.BadXml, match="describes no VM, but a") as e:
        domxml.parse(xml)
    assert len(str(e.value)) < 100


def test_depth():
    depth = domxml.MAX_DEPTH - 2
    assert domxml.parse(vm("<a>" * depth + "</a>" * depth)).disks == []
    for xml in (vm("<a>" * (depth + 1)), "<domain>" * 10**5):
        with pytest.raises(domxml.BadXml, match="nested too deeply"):
            domxml.parse(xml)


def test_length():
    fill = "x" * (domxml.MAX_XML - len(vm(around="<a></a>")))
    assert domxml.parse(vm(around=f"<a>{fill}</a>")).name == "web1"
    for xml in (vm(around=f"<a>{fill}x</a>"), b" " * 50 * 1024**2):
        with pytest.raises(domxml.BadXml, match="is longer than"):
            domxml.parse(xml)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "cp1252"])
def test_encodings(encoding):
    xml = f"<?xml version='1.0' encoding='{encoding}'?>"
    xml += vm(disk("<source file='/b\xfcro'/>"))
    assert values(only_disk(xml.encode(encoding)))[0][1] == "/b\xfcro"
    # Text is what it is, whatever it says of itself.
    assert values(only_disk(xml))[0][1] == "/b\xfcro"


@pytest.mark.parametrize(
    "encoding", sorted({*encodings.aliases.aliases.values(), "idna", "no", ""})
)
def test_every_encoding_that_python_knows(encoding):
    xml = f"<?xml version='1.0' encoding='{encoding}'?>{vm(disk(SOURCE))}"
    try:
        found = only_disk(xml.encode())
    except domxml.BadXml:
        return
    # What is parsed is what libvirt would see: ASCII stays ASCII.
    assert values(found) == [("file", "/a", "")]


def test_wrong_encoding():
    xml = "<?xml version='1.0' encoding='ascii'?>" + vm(around="<a>\xfc</a>")
    with pytest.raises(domxml.BadXml, match="cannot be parsed"):
        domxml.parse(xml.encode())
