# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths in the XML of a VM that are no sources of a disk."""

import pytest

from tests.support.vm.domxmltext import PATH, disk, others, paths, vm
from vdsm_backup.vm import domxml, xml_paths


@pytest.mark.parametrize(
    "devices, device",
    [
        ("<serial type='file'><source path='{}'/></serial>", "serial"),
        ("<console type='file'><log file='{}'/></console>", "console"),
        ("<filesystem><source dir='{}'/></filesystem>", "filesystem"),
        ("<filesystem><source socket='{}'/></filesystem>", "filesystem"),
        ("<filesystem><binary path='{}'/></filesystem>", "filesystem"),
        (
            "<memory model='nvdimm'><source><path>{}</path></source></memory>",
            "memory",
        ),
        ("<emulator>{}</emulator>", "emulator"),
        ("<interface><rom file='{}'/></interface>", "interface"),
        ("<shmem><server path='{}'/></shmem>", "shmem"),
        ("<what-comes-next><a><b c='{}'/></a></what-comes-next>", "what-"),
        ("<tpm><backend><a><b><c><d><e f='{}'/></e></d>", "tpm"),
    ],
)
def test_of_a_device(devices, device):
    if devices.endswith("</d>"):
        # Deeper than the tree.
        devices += "</c></b></a></backend></tpm>"
        devices = devices.replace("<e f='{}'/></e>", "<e f='{}'/>")
    ((name, path),) = others(vm(devices.format(PATH)))
    assert name.startswith(f"element {device}")
    assert path == PATH


@pytest.mark.parametrize(
    "around, device",
    [
        ("<os><loader>{}</loader></os>", "loader"),
        ("<os><nvram template='{}'/></os>", "nvram"),
        ("<os><nvram><source file='{}'/></nvram></os>", "nvram"),
        ("<os><acpi><table type='slic'>{}</table></acpi></os>", "acpi"),
        ("<sysinfo><entry name='a' file='{}'/></sysinfo>", "sysinfo"),
        ("<kernel>{}</kernel>", "kernel"),
    ],
)
def test_of_something_else(around, device):
    assert others(vm(around=around.format(PATH))) == [
        (f"element {device}", PATH)
    ]


def test_of_a_disk():
    inside = "<source file='/a'/>" f"<backend><log file='{PATH}'/></backend>"
    assert others(vm(disk(inside))) == [("disk vda", PATH)]
    assert others(disk(inside)) == [("disk vda", PATH)]


def test_a_source_of_a_disk_is_told_once():
    inside = "<source file='/a/b' dev='/c'><x y='/c'/></source>"
    assert others(vm(disk(inside))) == []


def test_of_a_lease():
    target = "<target path='/a' other='/b'/>"
    assert others(vm(f"<lease>{target}</lease>")) == [
        ("a lease", "/a"),
        ("a lease", "/b"),
    ]


@pytest.mark.parametrize(
    "xml",
    [
        vm(around=f"<metadata><a b='{PATH}'>{PATH}</a></metadata>"),
        vm(around=f"<os><kernel>{PATH}</kernel></os>"),
        vm(around=f"<os><initrd>{PATH}</initrd><dtb>{PATH}</dtb></os>"),
        vm(disk(f"<x y='{PATH}'/>", attributes="device='cdrom'")),
        vm(disk(f"<x>{PATH}</x>", attributes="device='floppy'")),
        disk(f"<x y='{PATH}'/>", attributes="device='cdrom'"),
        vm(f"<filesystem><target dir='{PATH}'/></filesystem>"),
        vm(around="<resource><partition>/machine</partition></resource>"),
        vm(around=f"<!-- {PATH} --><?x {PATH}?>"),
        vm(disk("<source protocol='nbd' name='/a/b'/>")),
        vm("<hostdev><source name='/a/b'/></hostdev>"),
        vm(around=f"<title>{PATH}</title>"),
        vm(around=f"<description>{PATH}</description>"),
    ],
)
def test_what_is_left_out(xml):
    assert paths(xml) == []


@pytest.mark.parametrize(
    "devices",
    [
        "<cdrom device='cdrom'>{}</cdrom>",
        "<x><disk device='cdrom'>{}</disk></x>",
        "<x><metadata>{}</metadata></x>",
        "<x><kernel>{}</kernel></x>",
    ],
)
def test_what_only_looks_as_if_it_were_left_out(devices):
    assert paths(vm(devices.format(PATH))) == [PATH]


def test_the_metadata_of_a_disk_is_not_left_out():
    """Only a <domain> has metadata, of which libvirt takes no notice."""
    inside = f"<source file='/a/b'/><metadata dev='{PATH}'/>"
    assert set(paths(disk(inside))) == {PATH}
    assert set(paths(vm(disk(inside)))) == {PATH}


@pytest.mark.parametrize("tag", ["metadata", "disk", "kernel"])
def test_what_is_not_libvirts_is_not_left_out(tag):
    element = f"<x:{tag} xmlns:x='urn:x' device='cdrom'>{PATH}</x:{tag}>"
    assert PATH in paths(vm(element))
    assert PATH in paths(vm(around=element))


def test_a_disk_that_is_no_cdrom_to_libvirt():
    inside = f"<backend><log file='{PATH}'/></backend>"
    two = "xmlns:x='urn:x' x:device='disk' device='cdrom'"
    assert paths(vm(disk(inside, attributes=two))) == [PATH]
    assert paths(disk(inside, attributes=two)) == [PATH]


def test_text_in_pieces():
    for text in ("/a/<!-- x -->b", "/a/<![CDATA[b]]>", "/a<?x?>&#47;b"):
        found = paths(vm(f"<rng><backend>{text}</backend></rng>"))
        assert found == ["/a/b"]
    # With an element in it: libvirt takes all text.
    found = paths(vm("<rng><backend>/a<x>/</x>b</backend></rng>"))
    assert "/a/b" in found


def test_a_long_text_in_pieces():
    path = "/x" * (xml_paths.MAX_PATH // 2)
    assert paths(vm(f"<x>{path}</x>")) == [path]
    assert paths(vm(f"<x>{path}x</x>")) == []


def test_blanks_around_a_path():
    assert "/a" in paths(vm("<rng>\n  /a\n  </rng>"))


def test_many_paths():
    xml = "".join(f"<x y='/{n}'/>" for n in range(xml_paths.MAX_PATHS))
    assert len(paths(vm(xml))) == xml_paths.MAX_PATHS
    with pytest.raises(domxml.BadXml, match="more than 20000 paths"):
        domxml.parse(vm(f"{xml}<x y='/more'/>"))
