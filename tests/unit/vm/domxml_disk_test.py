# SPDX-License-Identifier: GPL-2.0-or-later
"""What is a disk of a VM, of which kind, and what its sources are."""

import pytest

from tests.support.vm.domxmltext import (
    SD,
    SOURCE,
    disk,
    metadata,
    only_disk,
    values,
    vm,
)
from vdsm_backup.vm import domxml

# Sources


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


def test_a_source_with_attributes_in_a_namespace():
    xml = (
        "<domain xmlns:n='urn:x'><devices><disk><source n:file='/a'/></disk>"
        "</devices></domain>"
    )
    assert values(only_disk(xml)) == [("file", "/a", "")]


def test_a_source_in_a_namespace():
    xml = (
        "<domain xmlns:n='urn:x'><devices><disk><n:source file='/a'/></disk>"
        "</devices></domain>"
    )
    (disk,) = domxml.parse(xml).disks
    assert [source.value for source in disk.sources] == ["/a"]


def test_a_protocol_of_any_namespace_hides_no_other():
    source = "<source xmlns:x='urn:x' protocol='gluster' x:protocol='?'/>"
    source = source.replace("/>", " name='v/x'/>")
    found = values(only_disk(vm(disk(source))))
    assert found == [("name", "v/x", "gluster"), ("name", "v/x", "?")]


@pytest.mark.parametrize("source", ["", "<source/>", "<source file=''/>"])
def test_no_source(source):
    assert only_disk(vm(disk(source))).sources == []


@pytest.mark.parametrize(
    "around", ["backingStore", "mirror", "dataStore", "x"]
)
def test_sources_at_any_depth(around):
    inner = f"<{around}><source file='/c'/></{around}>"
    inner = f"<{around}><source file='/b'/>{inner}</{around}>"
    found = only_disk(vm(disk(f"<source file='/a'/>{inner}")))
    assert [s.value for s in found.sources] == ["/a", "/b", "/c"]


# Device and target


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


# Which elements are one


def test_disk_in_a_disk():
    inner = "<disk device='cdrom'><source dev='/b'/></disk>"
    found = only_disk(vm(disk(inner)))
    assert (found.device, found.target) == ("disk", "vda")
    assert values(found) == [("dev", "/b", "")]


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
