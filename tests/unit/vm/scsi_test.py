# SPDX-License-Identifier: GPL-2.0-or-later
"""SCSI devices of the host that a VM has, as its XML names them."""

import pytest

from tests.support.vm.domxmltext import vm
from vdsm_backup.vm import domxml


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
