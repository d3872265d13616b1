# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain a disk is on by VDSM's metadata in the XML of a VM."""

import pytest

from tests.support.vm.domxmltext import (
    KEYS,
    OVIRT,
    SD,
    SOURCE,
    disk,
    metadata,
    only_disk,
    vm,
)
from vdsm_backup.vm import domxml


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


def test_text_in_what_a_key_of_the_metadata_has_is_not_its_own():
    around = metadata("vda").replace(SD, f"{SD}<o:x>a<o:y>b</o:y></o:x>")
    assert only_disk(vm(disk(), around)).domains == [SD]
