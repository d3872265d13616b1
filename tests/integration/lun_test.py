# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domain a block device is a PV of, with the real lvm."""

import contextlib
import os
import struct
from types import SimpleNamespace

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import loop
from tests.support.storage.blocktools import lvm_is, needs_block
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.host import block_stack
from vdsm_backup.storage.direct import DirectReader
from vdsm_backup.vm import luns
from vdsm_backup.vm.paths import LUN, Location, NotADomain

pytest_plugins = [
    "tests.support.storage.blockfixtures",
    "tests.support.storage.faultydevice",
]
pytestmark = [pytest.mark.slow("lvm reads several devices"), needs_block]

SIZE = 256 * 1024**2


def read(device, *configured, timeout=60):
    """As the guard reads it for a VM that has this device."""
    (found,) = luns.locations(block_stack.number(device))
    assert found == Location("", LUN, os.path.realpath(device), True)
    options = SimpleNamespace(lvm_devices=list(configured), needs_root=None)
    return DirectReader(options).read(found, timeout)


@pytest.fixture
def device(block_dir):
    path = os.path.join(block_dir, "lun")
    loop.make_file(path, SIZE)
    device = loop.attach(path)
    yield device
    loop.detach(device)
    os.unlink(path)


def test_the_pv_with_the_metadata(shared_block_domain):
    domain = shared_block_domain
    # The other PV is missing, and no device is configured.
    assert sorted(read(domain.devices[0])) == domain.lines()


def test_a_pv_without_metadata(shared_block_domain):
    """lvm sees that it is in use, and the configured devices tell by whom."""
    domain = shared_block_domain
    first, second = domain.devices
    assert sorted(read(second, *domain.devices)) == domain.lines()
    assert sorted(read(second, first)) == domain.lines()


def test_a_pv_of_a_vg_that_is_not_here(
    shared_block_domain, block_domain, device
):
    _, second = shared_block_domain.devices
    # Another domain is not that of the LUN.
    for configured in ([], [second], [device], block_domain.devices):
        with pytest.raises(errors.LvmFailed, match="is in use"):
            read(second, *configured)


@pytest.mark.parametrize("configured", [True, False])
def test_a_device_that_is_no_pv(shared_block_domain, device, configured):
    with pytest.raises(NotADomain):
        read(device, *(shared_block_domain.devices if configured else []))


@pytest.mark.parametrize(
    "why, error",
    [
        # A device of a managed disk, of which this lvm knows no type.
        ("device type is unknown", NotADomain),
        ("device is an LV", NotADomain),
        ("device is a multipath component", errors.LvmFailed),
    ],
)
def test_a_device_that_lvm_does_not_use(block_dir, device, why, error):
    words = f"  Cannot use {device}: {why}"
    lines = [
        'case "$*" in',
        f'*" -- "*) echo "{words}" >&2; exit 5;;',
        "esac",
        """echo '{"report": [{"pv": []}]}'""",
    ]
    with lvm_is(block_dir, *lines), pytest.raises(error):
        read(device)


@pytest.mark.parametrize("tag", [None, "other"])
def test_a_pv_of_another_vg(shared_block_domain, device, tag):
    """Also one that is named as a domain."""
    name = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
    lvm = shared_block_domain.lvm
    lvm(["pvcreate", "--devices", device, device])
    with pytest.raises(NotADomain):
        read(device)
    tags = ["--addtag", tag] if tag else []
    lvm(["vgcreate", "--devices", device, *tags, name, device])
    with pytest.raises(NotADomain):
        read(device, *shared_block_domain.devices)


def test_a_disk_with_partitions(device):
    # An MBR with one partition, of type Linux, from sector 2048 on.
    entry = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, 2048, 4096)
    with open(device, "r+b") as f:
        f.write((b"\0" * 446 + entry).ljust(510, b"\0") + b"\x55\xaa")
    with pytest.raises(NotADomain):
        read(device)


def test_a_replica_is_what_it_says(shared_block_domain):
    """A copy of a LUN beside its origin: only the one that is given counts."""
    domain = shared_block_domain
    path = os.path.join(domain.dir, "copy")
    loop.copy_file(domain.files[0], path)
    with contextlib.ExitStack() as stack:
        copy = loop.attach(path)
        stack.callback(os.unlink, path)
        stack.callback(loop.detach, copy)
        assert sorted(read(copy, *domain.devices)) == domain.lines()
        # Of the other PV nobody knows which of the two has the metadata.
        with pytest.raises(errors.VolumeGroupUnsafe, match="duplicate"):
            read(domain.devices[1], copy, domain.devices[0])


@needs_fuse
def test_a_lun_that_hangs(faulty, shared_block_domain):
    device = faulty()
    device.hang("read")
    with pytest.raises(errors.StorageTimeout):
        read(device.path, *shared_block_domain.devices, timeout=RUNS_OUT)
    # It is not asked when another LUN is read.
    found = read(shared_block_domain.devices[0], device.path)
    assert sorted(found) == shared_block_domain.lines()


@needs_fuse
def test_a_lun_that_cannot_be_read(faulty):
    device = faulty()
    device.fail("EIO")
    with pytest.raises(errors.LvmFailed):
        read(device.path)
