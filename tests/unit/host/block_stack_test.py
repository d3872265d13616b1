# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from tests.support.host.blocksysfs import Sysfs
from vdsm_backup.host import block_stack
from vdsm_backup.host.block_stack import Stack

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"
WWID = "36001405a1b2c3d4e5f60718293a4b5c6"


@pytest.fixture
def sysfs(tmp_path):
    """A LUN with two paths, and beside it the disk of the host."""
    made = Sysfs(tmp_path)
    made.disk("sda")
    made.partition("sda", "sda1")
    made.partition("sda", "sda2")
    made.lv("dm-0", "rhel", "root", "sda2")
    made.disk("sdb")
    made.disk("sdc")
    made.multipath("dm-1", WWID, "sdb", "sdc")
    return made


def stack(sysfs, name):
    return block_stack.of_number(sysfs.number(name), sysfs.path)


@pytest.mark.parametrize("name", ["dm-1", "sdb", "sdc"])
def test_a_lun_that_nobody_tells_of(sysfs, name):
    """LVM is asked for the map: it takes no path of the LUN."""
    assert stack(sysfs, name) == Stack([], f"/dev/mapper/{WWID}")


@pytest.mark.parametrize("name", ["dm-1", "sdb", "sdc"])
def test_an_lv_on_the_lun_tells(sysfs, name):
    sysfs.lv("dm-2", SD, "metadata", "dm-1")
    sysfs.lv("dm-3", SD, "ids", "dm-1")
    assert stack(sysfs, name) == Stack([SD], None)


@pytest.mark.parametrize("name", ["dm-2", "dm-3", "dm-4"])
def test_what_is_on_an_lv(sysfs, name):
    """The parts of a snapshot, and what is mapped into an LV."""
    sysfs.lv("dm-2", SD, "v-o-l", "dm-1", suffix="-real")
    sysfs.lv("dm-3", SD, "v-o-l", "dm-2")
    sysfs.map("dm-4", "luks-x", "CRYPT-LUKS2-x", "dm-3")
    assert stack(sysfs, name) == Stack([SD], None)


def test_what_is_beside_an_lv_is_not_looked_at(sysfs, monkeypatch):
    """A host can have a thousand LVs, and a VM many disks."""
    for number in range(2, 12):
        sysfs.lv(f"dm-{number}", SD, f"vol{number}", "dm-1")
    read = []
    real = block_stack.attribute

    def attribute(path):
        read.append(path)
        return real(path)

    monkeypatch.setattr(block_stack, "attribute", attribute)
    assert stack(sysfs, "dm-5") == Stack([SD], None)
    devices = {os.path.basename(p.partition("/dm/")[0]) for p in read}
    assert devices <= {"dm-5", "dm-1", "sdb", "sdc"}


def test_a_vg_in_an_lv(sysfs):
    """A guest's VG that the host has activated: both count."""
    sysfs.lv("dm-2", SD, "vol", "dm-1")
    sysfs.lv("dm-3", OTHER, "x", "dm-2")
    assert stack(sysfs, "dm-3") == Stack([SD, OTHER], None)
    assert stack(sysfs, "dm-1") == Stack([SD, OTHER], None)


def test_another_vg_tells_too(sysfs):
    assert stack(sysfs, "sda2") == Stack(["rhel"], None)
    assert stack(sysfs, "sda") == Stack(["rhel"], None)
    assert stack(sysfs, "dm-0") == Stack(["rhel"], None)


def test_another_partition_tells_nothing(sysfs):
    assert stack(sysfs, "sda1") == Stack([], "/dev/sda1")


def test_partitions(sysfs):
    """Of a LUN that is a PV as a whole, and of one with a PV in it."""
    sysfs.map("dm-2", f"{WWID}1", f"part1-mpath-{WWID}", "dm-1")
    sysfs.map("dm-3", f"{WWID}2", f"part2-mpath-{WWID}", "dm-1")
    sysfs.partition("sdb", "sdb1")
    assert stack(sysfs, "dm-2") == Stack([], f"/dev/mapper/{WWID}1")
    sysfs.lv("dm-4", SD, "ids", "dm-2")
    assert stack(sysfs, "dm-1") == Stack([SD], None)
    assert stack(sysfs, "dm-2") == Stack([SD], None)
    assert stack(sysfs, "dm-3") == Stack([], f"/dev/mapper/{WWID}2")
    sysfs.lv("dm-5", OTHER, "ids", "dm-1")
    assert stack(sysfs, "dm-3") == Stack([OTHER], None)
    assert stack(sysfs, "sdb1") == Stack([OTHER], None)


def test_names_that_lvm_cannot_be_limited_to(sysfs):
    sysfs.map("dm-2", "a b", "x", "sda1")
    sysfs.disk("cciss!c0d0")
    assert stack(sysfs, "dm-2") == Stack([], "/dev/dm-2")
    assert stack(sysfs, "cciss!c0d0") == Stack([], "/dev/cciss/c0d0")


def test_a_name_that_is_no_lvs(sysfs):
    vg = SD.replace("-", "--")
    sysfs.map("dm-2", f"{vg}-x", "CRYPT-x", "sda1")
    assert stack(sysfs, "dm-2") == Stack([], f"/dev/mapper/{vg}-x")


def test_what_is_too_small_for_a_pv(sysfs):
    sysfs.disk("loop0", sectors=0)
    sysfs.disk("loop1", sectors=2**18 - 1)
    sysfs.disk("loop2", sectors=2**18)
    assert stack(sysfs, "loop0") == Stack([], None)
    assert stack(sysfs, "loop1") == Stack([], None)
    assert stack(sysfs, "loop2") == Stack([], "/dev/loop2")


def test_a_device_that_is_gone(sysfs):
    assert block_stack.of_number("block/7:7", sysfs.path) is None
    assert block_stack.of_number("char/1:9", sysfs.path) is None


def test_scsi(sysfs):
    sysfs.scsi("2:0:3:1", "sdb", generic="char/21:1")
    sysfs.lv("dm-2", SD, "ids", "dm-1")
    assert block_stack.of_scsi("2:0:3:1", sysfs.path) == Stack([SD], None)
    found = block_stack.of_number("char/21:1", sysfs.path)
    assert found == Stack([SD], None)
    assert block_stack.of_scsi("2:0:3:2", sysfs.path) is None


def test_numbers(tmp_path):
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "file").touch()
    assert block_stack.number(f"{tmp_path}/null") == "char/1:3"
    for name in ("file", "x", "", "\ud83d", "a\0b"):
        assert block_stack.number(f"{tmp_path}/{name}") is None


@pytest.mark.skipif(
    not os.path.exists("/sys/class/block/loop0"), reason="no loop device"
)
def test_the_kernels_own_sysfs():
    number = block_stack.number("/dev/loop0")
    assert number == "block/7:0"
    assert block_stack.of_number(number) is not None
    for each in os.listdir("/sys/dev/block"):
        assert block_stack.of_number(f"block/{each}") is not None
