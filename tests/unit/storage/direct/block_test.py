# SPDX-License-Identifier: GPL-2.0-or-later
"""A block domain: its own devices, then the configured ones."""

import os
import threading

import pytest

from tests.support.storage.readplace import FOUND, TAGS, A, read, vg
from vdsm_backup import errors
from vdsm_backup.host import devices
from vdsm_backup.lvm.scan import Scan
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.processes import jobs
from vdsm_backup.vm.paths import ANY, BLOCK, Location, NotADomain

FOREIGN = Scan([vg("theirs")], {})


@pytest.fixture
def active(host):
    """An LV that is active, on a multipath device, by sysfs."""
    block = os.path.join(host.sysfs, "block")
    lv = f"{A.replace('-', '--')}-ids"
    for dm, name, uuid in (
        ("dm-1", lv, "LVM-x"),
        ("dm-0", "36001", "mpath-36001"),
    ):
        os.makedirs(os.path.join(block, dm, "dm"))
        for key, value in (("name", name), ("uuid", uuid)):
            with open(os.path.join(block, dm, "dm", key), "w") as f:
                f.write(value + "\n")
    os.makedirs(os.path.join(block, "dm-1", "slaves"))
    os.symlink("../../dm-0", os.path.join(block, "dm-1", "slaves", "dm-0"))
    host.reader._options.lvm_devices = ["/dev/x", "/dev/mapper/36001"]
    return "/dev/mapper/36001"


def test_only_devices_under_active_lvs(host, active, lvm_sees, no_search):
    asked = lvm_sees({active: FOUND})
    for place in (Location(A, BLOCK), Location(A, ANY)):
        assert read(host, place)["SDUUID"] == A
    assert asked == [[active], [active]]


@pytest.mark.parametrize(
    "error",
    [errors.DomainNotFound(A), errors.LvmFailed("pvs", 0, "no VG was found")],
)
def test_then_the_configured_ones(host, active, lvm_sees, error):
    """The metadata may be on a PV that no active LV is on."""
    asked = lvm_sees({active: error, f"/dev/x+{active}": FOUND})
    assert read(host, Location(A, BLOCK))["SDUUID"] == A
    assert asked == [[active], ["/dev/x", active]]


@pytest.mark.parametrize(
    "error",
    [
        errors.StorageTimeout("lvm", 1),
        errors.VolumeGroupUnsafe(A, "duplicate PVs"),
    ],
)
def test_what_is_wrong_with_its_own_devices_is_the_answer(
    host, active, lvm_sees, error
):
    asked = lvm_sees({active: error})
    with pytest.raises(type(error)):
        read(host, Location(A, BLOCK))
    assert asked == [[active]]


def test_no_active_lv(host, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    asked = lvm_sees({"/dev/x": FOUND})
    assert devices.under_active(A, host.sysfs) == []
    assert read(host, Location(A, BLOCK))["SDUUID"] == A
    assert asked == [["/dev/x"]]


def test_a_vg_that_is_not_vdsms(host, active, lvm_sees):
    lvm_sees({active: FOREIGN})
    with pytest.raises(NotADomain):
        read(host, Location(A, BLOCK))


def test_a_vg_that_is_not_vdsms_and_a_domain_of_vdsms_metadata(
    host, active, lvm_sees
):
    host.reader._options.lvm_devices = [active]
    lvm_sees({active: FOREIGN})
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))


@pytest.mark.parametrize(
    "found",
    [
        Scan([vg("RHAT_storage_domain_UNREADY")], {}),
        Scan([vg("MDT_BACKUP=True")], {}),
        Scan([vg("theirs"), vg(*TAGS)], {}),
        Scan([vg("theirs")], {"/dev/y": errors.LvmFailed("pvs", 5, "EIO")}),
    ],
)
def test_a_vg_that_may_be_vdsms(host, active, lvm_sees, found):
    host.reader._options.lvm_devices = [active]
    lvm_sees({active: found})
    with pytest.raises(errors.Error):
        read(host, Location(A, BLOCK))


def test_no_devices_run_no_lvm(host):
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, BLOCK))


def test_whoever_waits_is_told_the_devices(
    host, active, monkeypatch, no_search
):
    """While lvm reads them."""
    told = threading.Event()

    def slow(devices):
        assert devices == [active]
        told.set()

    def scan(self):
        assert told.wait(60)
        return FOUND

    monkeypatch.setattr(Lvm, "scan", scan)
    monkeypatch.setattr(jobs, "SLOW", 0)
    host.reader._slow = slow
    for place in (Location(A, BLOCK), Location(A, ANY)):
        told.clear()
        assert read(host, place)["SDUUID"] == A
