# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.lvm.vgs import Lvm

WWID = "36001405a1b2c3d4e5f60718293a4b5c6"


@pytest.fixture
def sysfs(tmp_path):
    def add(dm, name, uuid):
        directory = tmp_path / "block" / dm / "dm"
        directory.mkdir(parents=True)
        (directory / "name").write_text(f"{name}\n")
        (directory / "uuid").write_text(f"{uuid}\n")

    # A multipath device, an LV on it, a disk that is no map at all.
    add("dm-0", WWID, f"mpath-{WWID}")
    add("dm-1", "sd-metadata", "LVM-AAAA")
    (tmp_path / "block" / "sda").mkdir()
    add.root = str(tmp_path)
    return add


def test_multipath_is_all_maps_of_multipathd(sysfs):
    sysfs("dm-2", "mpatha", "mpath-0QEMU_disk")
    assert devices.multipath(sysfs.root) == [
        f"/dev/mapper/{WWID}",
        "/dev/mapper/mpatha",
    ]


@pytest.mark.parametrize("name", ["a,b", "a b", "a|b", 'a"b', "a\\x20b", "é"])
def test_multipath_leaves_out_what_lvm_cannot_be_limited_to(sysfs, name):
    sysfs("dm-2", name, "mpath-x")
    assert devices.multipath(sysfs.root) == [f"/dev/mapper/{WWID}"]
    assert devices.left_out([], sysfs.root) == [f"/dev/mapper/{name}"]
    # Who names the devices means no other.
    assert devices.left_out(["/dev/loop7"], sysfs.root) == []


def test_multipath_survives_a_device_that_goes(sysfs):
    os.unlink(f"{sysfs.root}/block/dm-0/dm/uuid")
    assert devices.multipath(sysfs.root) == []


def test_multipath_without_device_mapper(tmp_path):
    assert devices.multipath(str(tmp_path)) == []


def test_configured_devices_win():
    assert devices.configured_or_multipath(["/dev/loop7"]) == ["/dev/loop7"]


def test_default_is_multipath(monkeypatch):
    monkeypatch.setattr(devices, "multipath", lambda: ["/dev/mapper/x"])
    assert devices.configured_or_multipath([]) == ["/dev/mapper/x"]


@pytest.mark.parametrize("name", ["loop0", "", "/dev/a,/dev/b", "/dev/a|.*"])
def test_a_device_that_would_mean_more_is_refused(name):
    with pytest.raises(errors.ConfigInvalid):
        Lvm(["/dev/loop0", name])


def test_wwid_of_a_multipath_device(sysfs, tmp_path):
    # /dev/mapper/mpatha is a link to the node.
    link = tmp_path / "mpatha"
    link.symlink_to("/dev/dm-0")
    assert devices.wwid(str(link), sysfs.root) == WWID


def test_wwid_by_the_name(sysfs):
    assert devices.wwid(f"/dev/mapper/{WWID}x", sysfs.root) == f"{WWID}x"


def test_wwid_is_not_guessed(sysfs):
    assert devices.wwid("/dev/sda", sysfs.root) == ""


def test_wwid_not_of_another_kind_of_map(sysfs, tmp_path):
    link = tmp_path / "lv"
    link.symlink_to("/dev/dm-1")
    assert devices.wwid(str(link), sysfs.root) == ""


# Under the active LVs of a VG

VG = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
DM_VG = VG.replace("-", "--")


@pytest.fixture
def on(sysfs):
    def add(dm, *slaves):
        directory = os.path.join(sysfs.root, "block", dm, "slaves")
        os.makedirs(directory, exist_ok=True)
        for slave in slaves:
            os.symlink(f"../../{slave}", os.path.join(directory, slave))

    return add


def test_devices_under_active_lvs(sysfs, on):
    sysfs("dm-5", f"{DM_VG}-ids", "LVM-x")
    sysfs("dm-6", f"{DM_VG}-leases", "LVM-y")
    sysfs("dm-7", "36002", "mpath-36002")
    on("dm-5", "dm-0")
    on("dm-6", "dm-0", "dm-7", "sda")
    assert devices.under_active(VG, sysfs.root) == [
        "/dev/mapper/36001405a1b2c3d4e5f60718293a4b5c6",
        "/dev/mapper/36002",
        "/dev/sda",
    ]


def test_lvs_below_an_lv(sysfs, on):
    sysfs("dm-5", f"{DM_VG}-thin", "LVM-x")
    sysfs("dm-6", f"{DM_VG}-pool_tdata", "LVM-y-tdata")
    on("dm-5", "dm-6")
    on("dm-6", "dm-0")
    assert devices.under_active(VG, sysfs.root) == [f"/dev/mapper/{WWID}"]


def test_other_vgs_and_maps_that_are_no_lvs_do_not_count(sysfs, on):
    sysfs("dm-5", f"{DM_VG}x-ids", "LVM-x")
    sysfs("dm-6", f"{DM_VG}-ids", "CRYPT-LUKS2-x")
    sysfs("dm-8", DM_VG, "LVM-x")
    for dm in ("dm-5", "dm-6", "dm-8"):
        on(dm, "dm-0")
    assert devices.under_active(VG, sysfs.root) == []


def test_devices_under_the_active_lvs_of_several_vgs(sysfs, on, monkeypatch):
    """sysfs is searched once for all."""
    other = VG.replace("0", "1")
    sysfs("dm-5", f"{DM_VG}-ids", "LVM-x")
    sysfs("dm-6", f"{DM_VG}-leases", "LVM-y")
    sysfs("dm-7", f"{other.replace('-', '--')}-ids", "LVM-z")
    on("dm-5", "dm-0")
    on("dm-6", "sda")
    on("dm-7", "sdb")
    searched = []
    search = devices.listdir
    monkeypatch.setattr(
        devices,
        "listdir",
        lambda path: searched.append(path) or search(path),
    )
    assert devices.under_active_of([VG, other, "x"], sysfs.root) == {
        VG: [f"/dev/mapper/{WWID}", "/dev/sda"],
        other: ["/dev/sdb"],
        "x": [],
    }
    assert searched.count(f"{sysfs.root}/block") == 1


def test_a_device_with_a_slash_in_its_name(sysfs, on):
    sysfs("dm-5", f"{DM_VG}-ids", "LVM-x")
    os.makedirs(os.path.join(sysfs.root, "block", "cciss!c0d0"))
    on("dm-5", "cciss!c0d0")
    assert devices.under_active(VG, sysfs.root) == ["/dev/cciss/c0d0"]


def test_none_is_active_without_device_mapper(tmp_path):
    assert devices.under_active(VG, str(tmp_path)) == []


def test_sizes_of_blocks(tmp_path):
    disk = tmp_path / "class" / "block" / "sda"
    (disk / "queue").mkdir(parents=True)
    (disk / "sda1").mkdir()
    (tmp_path / "class" / "block" / "sda1").symlink_to(disk / "sda1")
    assert devices.block_sizes("/dev/sda", str(tmp_path)) is None
    (disk / "queue" / "logical_block_size").write_text("512\n")
    (disk / "queue" / "physical_block_size").write_text("4096\n")
    for name in ("sda", "sda1"):
        assert devices.block_sizes(f"/dev/{name}", str(tmp_path)) == (
            512,
            4096,
        )


def test_device_that_is_read_only(tmp_path):
    disk = tmp_path / "class" / "block" / "sda"
    disk.mkdir(parents=True)
    assert not devices.is_read_only("/dev/sda", str(tmp_path))
    for text, found in (("0\n", False), ("1\n", True)):
        (disk / "ro").write_text(text)
        assert devices.is_read_only("/dev/sda", str(tmp_path)) == found
