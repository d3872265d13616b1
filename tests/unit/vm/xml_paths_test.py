# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths in the XML of a VM that are no sources of a disk."""

import pytest

from tests.support.vm.domxmltext import disk, vm
from vdsm_backup.vm import domxml, xml_paths
from vdsm_backup.vm.qemu_arguments import paths_in

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
PATH = "/rhev/data-center/mnt/nas:_a/sd/images/i/v"


def others(xml):
    found = domxml.parse(xml).other_paths
    return [(each.device, each.path) for each in found]


def paths(xml):
    return [path for _, path in others(xml)]


def qemu(*arguments):
    inside = "".join(f'<q:arg value="{a}"/>' for a in arguments)
    around = f"<q:commandline xmlns:q='{QEMU}'>{inside}</q:commandline>"
    return vm(around=around)


# Where a path stands


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


@pytest.mark.parametrize("text", ["/ " * 10**6, "/=" * 10**6, "/," * 10**6])
def test_arguments_that_would_take_too_long(text):
    with pytest.raises(domxml.BadXml, match="more than 20000 paths"):
        domxml.parse(qemu("a=" + text.replace("/", "/a")))


# Arguments of qemu


@pytest.mark.parametrize(
    "argument",
    [
        "{}",
        "file={}",
        "file={},if=virtio",
        "if=none,file={},format=raw",
        "driver=raw,file.driver=file,file.filename={}",
        "json:{{&quot;file&quot;:{{&quot;filename&quot;:&quot;{}&quot;}}}}",
        "{{&quot;node-name&quot;: &quot;a&quot;, &quot;filename&quot;:"
        " &quot;{}&quot;, &quot;read-only&quot;: false}}",
        "{{'filename': '{}'}}",
        "file:{}",
        "fat:rw:{}",
        "file=host_device:{}",
        "blkverify:{}:/b",
        "local,path={},mount_tag=x,security_model=none",
        "memory-backend-file,id=m,mem-path={},share=on",
        "exec:cat {} | gzip",
    ],
)
def test_argument(argument):
    assert PATH.replace("nas:", "nas") in paths(
        qemu(argument.format(PATH.replace("nas:", "nas")))
    )


def test_argument_with_characters_that_end_others():
    path = "/a:b=c d/e,f"
    quoted = f"{{&quot;filename&quot;: &quot;{path}&quot;}}"
    doubled = path.replace(",", ",,")
    for argument in (
        path,
        quoted,
        f"file={doubled}",
        f"x=y,file={doubled},if=virtio",
    ):
        assert path in paths(qemu(argument)), argument


@pytest.mark.parametrize(
    "text, path",
    [
        (r'{"filename": "\/a\/b"}', "/a/b"),
        (r'{"filename": "\u002fa\u002Fb"}', "/a/b"),
        (r'{"filename": "/a\ud83d\udcbe/b"}', "/a\U0001f4be/b"),
        (r'{"filename": "/a,,b"}', "/a,,b"),
    ],
)
def test_string_of_json(text, path):
    assert path in paths_in(text)


def test_half_a_character_in_json():
    found = list(paths_in(r'{"filename": "/a\ud83d/b"}'))
    assert all(path.encode() for path in found)


def test_relative_argument():
    assert "rhev/x" in paths_in("file=rhev/x,if=none")


@pytest.mark.parametrize("text", ["console=ttyS0 root=/ rw", "a / b", " // "])
def test_a_slash_in_a_text_is_no_directory(text):
    assert not [x for x in paths_in(text) if not x.strip("/ ")]


def test_the_root_directory():
    assert "/" in paths_in("local,path=/,mount_tag=x")
    assert "/" in paths_in('{"path": "/"}')


def test_other_values_for_qemu():
    around = (
        f"<q:commandline xmlns:q='{QEMU}'><q:env name='A' value='x=/a'/>"
        f"</q:commandline><q:override xmlns:q='{QEMU}'><q:device>"
        "<q:frontend><q:property name='b' value='/c'/></q:frontend>"
        "</q:device></q:override>"
    )
    found = others(vm(around=around))
    assert ("element commandline", "/a") in found
    assert ("element override", "/c") in found


def test_no_path_in_an_argument():
    arguments = ["-device", "virtio-net-pci,id=x", "", "a,,b", "{}", "%s"]
    assert paths(qemu(*arguments)) == []


# SCSI devices of the host


def hostdev(adapter, address="bus='0' target='3' unit='1'"):
    return vm(
        "<hostdev mode='subsystem' type='scsi'><source>"
        f"<adapter name='{adapter}'/><address {address}/></source></hostdev>"
    )


def test_scsi():
    (found,) = domxml.parse(hostdev("scsi_host2")).scsi
    assert found == domxml.DevicePath("a SCSI device", "2:0:3:1")


@pytest.mark.parametrize(
    "adapter, address, found",
    [
        ("scsi_host0x2", "bus='0x0' target='0X3' unit='0x01'", "2:0:3:1"),
        ("scsi_host010", "bus='00' target='011' unit='1'", "8:0:9:1"),
        ("scsi_host +2", "bus=' 0' target='+3' unit='1'", "2:0:3:1"),
        ("scsi_host-4294967294", "bus='0' target='3' unit='1'", "2:0:3:1"),
        # The number of a LUN has 64 bits.
        (
            "scsi_host2",
            f"bus='0' target='3' unit='{2**64 - 1}'",
            f"2:0:3:{2**64 - 1}",
        ),
    ],
)
def test_scsi_as_libvirt_reads_numbers(adapter, address, found):
    (device,) = domxml.parse(hostdev(adapter, address)).scsi
    assert device.path == found


def test_scsi_in_any_namespace():
    address = "bus='0' target='3' unit='1'"
    xml = hostdev("scsi_host2", address)
    for name in ("adapter ", "address "):
        xml = xml.replace(f"<{name}", f"<x:{name}xmlns:x='urn:x' ")
    xml = xml.replace(" unit=", " x:unit=")
    found = domxml.DevicePath("a SCSI device", "2:0:3:1")
    assert domxml.parse(xml).scsi == [found]


def test_very_many_scsi_devices():
    def source(count):
        spaces = "".join(f" xmlns:x{n}='urn:{n}'" for n in range(count))
        names = "".join(f" x{n}:name='scsi_host{n}'" for n in range(count))
        return vm(
            f"<hostdev><source><adapter{spaces}{names}/>"
            + "".join(
                f"<address bus='0' target='0' unit='{n}'/>"
                for n in range(count)
            )
            + "</source></hostdev>"
        )

    assert len(domxml.parse(source(31)).scsi) == 961
    with pytest.raises(domxml.BadXml, match="more than 1000 SCSI"):
        domxml.parse(source(2000))


@pytest.mark.parametrize(
    "xml",
    [
        hostdev("scsi_host2", "bus='0' target='3'"),
        hostdev("scsi_host2", "bus='0' target='..' unit='1'"),
        hostdev("scsi_host2", "bus='' target='3' unit='1'"),
        hostdev("scsi_host2", "bus='0' target='0x' unit='1'"),
        hostdev("../x"),
        hostdev("2"),
        hostdev("scsi_host" + "9" * 5000),
        hostdev("scsi_host2", "bus='0' target='3' unit='\u0661'"),
        vm("<hostdev><source><address domain='0'/></source></hostdev>"),
    ],
)
def test_no_scsi(xml):
    assert domxml.parse(xml).scsi == []
