# SPDX-License-Identifier: GPL-2.0-or-later
import os

import pytest

from vdsm_backup import devices, errors, lvm

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


def test_multipath_survives_a_device_that_goes(sysfs):
    os.unlink(f"{sysfs.root}/block/dm-0/dm/uuid")
    assert devices.multipath(sysfs.root) == []


def test_multipath_without_device_mapper(tmp_path):
    assert devices.multipath(str(tmp_path)) == []


def test_configured_devices_win():
    assert devices.meant(["/dev/loop7"]) == ["/dev/loop7"]


def test_default_is_multipath(monkeypatch):
    monkeypatch.setattr(devices, "multipath", lambda: ["/dev/mapper/x"])
    assert devices.meant([]) == ["/dev/mapper/x"]


@pytest.mark.parametrize("name", ["loop0", "", "/dev/a,/dev/b", "/dev/a|.*"])
def test_a_device_that_would_mean_more_is_refused(name):
    with pytest.raises(errors.ConfigInvalid):
        lvm.Lvm(["/dev/loop0", name])


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
