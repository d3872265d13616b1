# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from vdsm_backup.users import running_vms

SD = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d001"
OTHER = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d002"
VOLUME = "3c1a7a80-1111-4222-8333-444455556666"
IMAGE = "images/9b8f5a5e-7a6b-4c5d-8e9f-000000000001/" + VOLUME
NONE = {"uses": [], "cdroms": []}


def disk(source, target="vda", device="disk", more=""):
    return (
        f"<disk device='{device}'>{source}<target dev='{target}'/>{more}"
        "</disk>"
    )


def vm(*devices, around=""):
    return (
        f"<domain type='kvm'><name>web1</name>{around}"
        f"<devices>{''.join(devices)}</devices></domain>"
    )


@pytest.mark.parametrize(
    "source",
    [
        f"/rhev/data-center/00000001-0001-0001-0001-000000000001/{SD}/{IMAGE}",
        f"/rhev/data-center/mnt/server:_path/{SD}/{IMAGE}",
        f"/rhev/data-center/mnt/glusterSD/server:vol/{SD}/{IMAGE}",
        f"/rhev/data-center/mnt/blockSD/{SD}/{IMAGE}",
        f"/run/vdsm/storage/{SD}/{IMAGE}",
        f"/dev/{SD}/{VOLUME}",
        f"/dev/mapper/{SD.replace('-', '--')}-3c1a7a80--1111",
        f"volume/{SD}/{IMAGE}",
        f"/var/lib/vdsm/{SD}-{VOLUME}.x7dk2l",
        f"{SD}-{VOLUME}.x7dk2l",
    ],
)
def test_on_the_domain(source):
    assert running_vms.belongs(source, SD)
    assert not running_vms.belongs(source, OTHER)


@pytest.mark.parametrize(
    "source",
    [
        "",
        f"/rhev/data-center/mnt/server:_path/{OTHER}/{IMAGE}",
        f"/data/backup-of-{SD}/disk.img",
        f"/data/{SD}.img",
        f"/data/{SD}-old/disk.img",
        f"/data/{SD}-{VOLUME}",
        f"/data/{SD}-{VOLUME}.d/disk.img",
        f"/dev/mapper/{SD.replace('-', '--')}0-x",
    ],
)
def test_not_on_the_domain(source):
    assert not running_vms.belongs(source, SD)


@pytest.mark.parametrize("attribute", ["file", "dev", "name", "dir"])
def test_source_of_each_type(attribute):
    xml = vm(disk(f"<source {attribute}='/x/{SD}/y'/>"))
    assert running_vms.uses(xml, SD) == {"uses": ["disk vda"], "cdroms": []}


def test_each_disk_is_named():
    source = f"<source file='/x/{SD}/y'/>"
    elsewhere = f"<source file='/x/{OTHER}/y'/>"
    xml = vm(disk(source, "sda"), disk(elsewhere, "sdb"), disk(source, "sdc"))
    assert running_vms.uses(xml, SD)["uses"] == ["disk sda", "disk sdc"]


def test_backing_chain():
    inner = f"<source file='/x/{SD}/y'/>"
    chain = f"<backingStore>{inner}<backingStore/></backingStore>"
    chain = f"<backingStore><source file='/b'/>{chain}</backingStore>"
    xml = vm(disk("<source file='/a'/>", more=chain))
    assert running_vms.uses(xml, SD)["uses"] == ["disk vda"]


def test_mirror():
    mirror = f"<mirror job='copy'><source dev='/x/{SD}/y'/></mirror>"
    xml = vm(disk("<source file='/a'/>", more=mirror))
    assert running_vms.uses(xml, SD)["uses"] == ["disk vda"]


def test_cdrom_is_apart():
    xml = vm(disk(f"<source file='/x/{SD}/y'/>", "sdc", "cdrom"))
    assert running_vms.uses(xml, SD) == {"uses": [], "cdroms": ["sdc"]}


@pytest.mark.parametrize("device", ["lun", "floppy"])
def test_other_devices_are_disks(device):
    xml = vm(disk(f"<source dev='/x/{SD}/y'/>", "sda", device))
    assert running_vms.uses(xml, SD)["uses"] == ["disk sda"]


def test_device_may_be_missing():
    xml = vm(f"<disk><source dev='/x/{SD}/y'/><target dev='sda'/></disk>")
    assert running_vms.uses(xml, SD)["uses"] == ["disk sda"]


def test_lease():
    xml = vm(f"<lease><key>k</key><lockspace>{SD}</lockspace></lease>")
    assert running_vms.uses(xml, SD)["uses"] == ["lease"]

    assert running_vms.uses(xml, OTHER) == NONE


@pytest.mark.parametrize("lockspace", [SD, "other"])
def test_lease_by_its_path(lockspace):
    target = f"<target path='/mnt/m/{SD}/dom_md/xleases' offset='0'/>"
    lease = f"<lease><lockspace>{lockspace}</lockspace>{target}</lease>"
    assert running_vms.uses(vm(lease), SD)["uses"] == ["lease"]
    assert running_vms.uses(vm(lease), SD[::-1])["uses"] == []


@pytest.mark.parametrize(
    "around",
    [
        f"<description>copy of /x/{SD}/y</description>",
        f"<title>{SD}</title>",
        f"<metadata><source file='/x/{SD}/y'/></metadata>",
        f"<metadata><disk><source file='/x/{SD}/y'/></disk></metadata>",
        f"<uuid>{SD}</uuid>",
    ],
)
def test_the_uuid_elsewhere_is_no_use(around):
    assert running_vms.uses(vm(around=around), SD) == NONE


def test_the_uuid_elsewhere_in_a_disk_is_no_use():
    more = f"<serial>{SD}</serial><alias name='ua-/{SD}/'/>"
    xml = vm(disk("<source file='/a'/>", more=more))
    assert running_vms.uses(xml, SD) == NONE


def test_paths_that_are_no_disks():
    serial = f"<serial><source path='/x/{SD}/y'/></serial>" * 2
    backend = f"<backend><log file='/x/{SD}/y'/></backend>"
    xml = vm(disk("<source file='/a'/>", more=backend), serial)
    assert running_vms.uses(xml, SD) == {
        "uses": ["disk vda", "element serial"],
        "cdroms": [],
    }
    xml = vm(disk(f"<source file='/x/{SD}/z'/>", more=backend))
    assert running_vms.uses(xml, SD)["uses"] == ["disk vda"]


def test_another_kind_of_document():
    """It is told as not seen; silence would mean that nobody uses it."""
    xml = vm(disk(f"<source file='/x/{SD}/y'/>"))
    xml = xml.replace("domain", "domainsnapshot")
    with pytest.raises(running_vms.BadXml, match="describes no VM"):
        running_vms.uses(xml, SD)


def test_escapes_of_xml():
    xml = vm(disk(f"<source file='/a&amp;&#47;{SD}/y'/>"))
    assert running_vms.uses(xml, SD)["uses"] == ["disk vda"]


@pytest.mark.parametrize(
    "xml", ["", "<domain>", "no xml", "<a/>", "<!DOCTYPE domain>" + vm()]
)
def test_no_xml_of_a_vm(xml):
    with pytest.raises(running_vms.BadXml):
        running_vms.uses(xml, SD)


def test_deep_is_no_problem():
    depth = 50000
    xml = vm(disk("<a>" * depth + "</a>" * depth))
    assert running_vms.uses(xml, SD) == NONE
