# SPDX-License-Identifier: GPL-2.0-or-later
"""
Devices that lvm does not read, with the real lvm: they hide no other, and are
never taken for devices without the domain.
"""

import errno
import os
import struct

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import loop
from tests.support.storage.blocktools import (
    flagged,
    lvm_is,
    needs_block,
    no_step,
    storage,
)
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.lvm import command as lvm_command
from vdsm_backup.lvm import report as lvm_report
from vdsm_backup.lvm.vgs import Lvm

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.storage.faultydevice",
]
pytestmark = [
    pytest.mark.slow("lvm waits for devices that hang"),
    needs_block,
]

# Seconds for lvm where it cannot answer, and where it must, on a machine that
# may be slow.
TIMEOUT = RUNS_OUT
PATIENT = 16


def test_a_whole_report_of_less_than_there_is(block_domain):
    """
    So a report is not read before lvm has ended: only the exit code tells that
    a VG, and devices of it, are left out.
    """
    path = os.environ["LVM_SYSTEM_DIR"]
    # As no lock can be, so that lvm passes the VG over.
    lock = os.path.join(path, "locks", f"V_{block_domain.sd_id}")
    os.mkdir(lock)
    reports = []
    run = lvm_command.run

    def keep(*args):
        reports.append(run(*args))
        return reports[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lvm_command, "run", keep)
        with pytest.raises(errors.LvmFailed) as e:
            Lvm(block_domain.devices).scan()
    (result,) = reports
    assert (result.rc, e.value.rc) == (5, 5)
    report = lvm_report.pvs(result.out)
    assert report.vgs == []
    assert len(report.listed) < len(block_domain.devices)
    os.rmdir(lock)


@needs_fuse
def test_a_device_that_hangs_was_not_read_by_others(block_domain, faulty):
    """Else these tests would tell of the kernel's memory, not of lvm."""
    device = faulty(block_domain.files[0])
    assert Lvm([device.path]).find_to_read(block_domain.sd_id)
    device.hang("read")
    with pytest.raises(errors.StorageTimeout):
        Lvm([device.path], timeout=TIMEOUT).find_to_read(block_domain.sd_id)


@needs_fuse
def test_a_device_that_hangs_hides_no_other(block_domain, faulty):
    device = faulty()
    devices = [device.path, *block_domain.devices]
    device.hang("read")
    scan = Lvm(devices, timeout=PATIENT).scan()
    assert [vg.name for vg in scan.vgs] == [block_domain.sd_id]
    assert list(scan.unread) == [device.path]
    assert isinstance(scan.unread[device.path], errors.StorageTimeout)
    # A domain that was not seen may be on the device that hangs.
    with pytest.raises(errors.StorageTimeout):
        scan.pick("unknown")


@needs_fuse
def test_nothing_is_written_while_a_device_hangs(block_domain, faulty):
    """It may have a replica: whoever writes must have seen all."""
    device = faulty()
    old = block_domain.lines()
    device.hang("read")
    ours = storage(
        block_domain, [device.path, *block_domain.devices], timeout=TIMEOUT
    )
    with pytest.raises(errors.StorageTimeout):
        ours.write(old, flagged(block_domain), no_step)
    assert block_domain.lines() == old


@needs_fuse
def test_a_domain_that_cannot_be_read_is_not_said_to_be_gone(
    block_domain, faulty
):
    """lvm leaves out a device with I/O errors and exits with 0."""
    replica = faulty(block_domain.files[0])
    devices = [replica.path, block_domain.devices[1]]
    ours = storage(block_domain, devices)
    assert ours.read() == block_domain.lines()
    replica.fail(errno.EIO)
    with pytest.raises(errors.LvmFailed, match="Error reading device"):
        ours.read()
    scan = Lvm(devices).scan()
    assert scan.vgs == []
    # Of the other PV nobody knows any more to which VG it belongs.
    assert sorted(scan.unread) == sorted(devices)


@needs_fuse
def test_a_device_that_is_back_when_lvm_is_asked_again(
    block_domain, faulty, block_dir
):
    """Why it was left out, lvm cannot tell any more; nor what is on it."""
    replica = faulty(block_domain.files[0])
    replica.fail(errno.EIO)
    mend = f"rm -f {replica.fs.order('read')}"
    with lvm_is(block_dir, '$LVM "$@"', "rc=$?", mend, "exit $rc"):
        scan = Lvm([replica.path]).scan()
    assert scan.vgs == []
    with pytest.raises(errors.LvmFailed, match="was left out"):
        scan.pick(block_domain.sd_id)
    assert storage(block_domain, [replica.path]).read() == block_domain.lines()


@pytest.fixture
def attach(block_dir):
    """A device over a file of this size, which begins with these bytes."""
    attached = []

    def make(size, start=b""):
        path = os.path.join(block_dir, f"file{len(attached)}")
        loop.make_file(path, size)
        with open(path, "r+b") as f:
            f.write(start)
        attached.append(loop.attach(path))
        return attached[-1]

    yield make
    for device in attached:
        loop.detach(device)


def test_a_device_without_a_size(block_domain, attach):
    """As of a LUN that its array has taken away."""
    device = attach(0)
    scan = Lvm([device, *block_domain.devices]).scan()
    assert list(scan.unread) == [device]
    assert scan.pick(block_domain.sd_id)
    with pytest.raises(errors.LvmFailed, match="too small"):
        scan.pick("unknown")


# A table with one partition.
PARTITION = bytes([0, 0, 2, 0, 0x83, 0, 0, 0]) + struct.pack("<II", 2048, 2048)
MBR = bytes(446) + PARTITION + bytes(48) + b"\x55\xaa"


@pytest.mark.parametrize("start", [b"", MBR], ids=["empty", "partitioned"])
def test_a_device_that_is_something_else(block_domain, attach, start):
    """As a LUN that is a disk of a VM."""
    device = attach(64 * 1024**2, start)
    runner = Lvm([device, *block_domain.devices])
    assert runner.scan().unread == {}
    with pytest.raises(errors.DomainNotFound):
        runner.find_to_read("unknown")
