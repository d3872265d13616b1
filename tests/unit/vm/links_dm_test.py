# SPDX-License-Identifier: GPL-2.0-or-later
"""A device of device-mapper has its name, too."""

import pytest

from tests.support.vm.mounttable import ROOT
from vdsm_backup.vm.links import trace


@pytest.fixture
def sysfs(tmp_path):
    dm = tmp_path / "sys/block/dm-7/dm"
    dm.mkdir(parents=True)
    (dm / "name").write_text("vg-lv\n")
    return str(tmp_path / "sys")


def test_dm(sysfs):
    found = trace("/dev/dm-7", [ROOT], sysfs=sysfs)
    assert found.names == ("/dev/dm-7", "/dev/mapper/vg-lv")


def test_link_to_dm(sysfs, link, tmp_path):
    link("by-id/x", "/dev/dm-7")
    found = trace(f"{tmp_path}/by-id/x", [ROOT], sysfs=sysfs)
    assert found.names[1:] == ("/dev/dm-7", "/dev/mapper/vg-lv")


def test_dm_with_a_name_that_is_no_text(sysfs, tmp_path):
    (tmp_path / "sys/block/dm-7/dm/name").write_bytes(b"vg-\xff\n")
    found = trace("/dev/dm-7", [ROOT], sysfs=sysfs)
    assert found.names[1:] == ("/dev/mapper/vg-\udcff",)


@pytest.mark.parametrize("name", ["dm-8", "dm-7x", "dm-7/x", "xdm-7", "dm-"])
def test_no_dm(sysfs, name):
    assert trace(f"/dev/{name}", [ROOT], sysfs=sysfs).names == (
        f"/dev/{name}",
    )


def test_dm_of_another_directory(sysfs):
    assert trace("/x/dm-7", [ROOT], sysfs=sysfs).names == ("/x/dm-7",)
