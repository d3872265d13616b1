# SPDX-License-Identifier: GPL-2.0-or-later
import pytest

from tests.support.storage import leasefiles
from tests.support.storage.leasefiles import MIB, SECTOR, sdm, slot
from vdsm_backup.lease import ondisk

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
OTHER = "b1c2d3e4-5f6c-4b1c-a3d2-0c6f8ac43e25"


def test_checksum():
    """CRC-32C of "123456789" is e3069283; sanlock begins and ends its own."""
    value = 0xFFFFFFFF
    for byte in b"123456789":
        value = ondisk._TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    assert value ^ 0xFFFFFFFF == 0xE3069283


def lockspace(*slots, data=None):
    """Faults of an ids with these sectors at the beginning."""
    data = bytearray(leasefiles.ids(SD) if data is None else data)
    for number, sector in slots:
        data[number * SECTOR : (number + 1) * SECTOR] = sector
    return ondisk.lockspace_faults(bytes(data), SD, MIB, SECTOR)


def test_whole():
    used = slot(SD, "host", owner_id=3, generation=2, timestamp=7)
    assert lockspace() == lockspace((2, used)) == []
    assert ondisk.sdm_faults(sdm(SD), SD, MIB, SECTOR, 250) == []
    assert ondisk.index_faults(leasefiles.index(SD), SD) == []


@pytest.mark.parametrize(
    "slots, words",
    [
        ([(0, bytes(SECTOR))], "never initialized, or was zeroed"),
        ([(0, slot(OTHER))], f"another lockspace, {OTHER}"),
        ([(0, slot(SD, flags=0x80))], "areas of 8388608 bytes"),
        ([(0, slot(SD, sector=4096))], "sectors of 4096"),
        (
            [(0, leasefiles.leader(0x06152010, 3, SD))],
            "its magic is 0x6152010",
        ),
        ([(0, leasefiles.leader(0x12212010, 4, SD))], "the version 4, not 3"),
        ([(0, slot(SD)[:100] + b"x" + slot(SD)[101:])], "checksum is wrong"),
        ([(9, bytes(SECTOR))], "the slot of host id 10: it was never"),
        (
            [(249, slot(OTHER)), (7, slot(OTHER)), (8, slot(OTHER))],
            "the slot of host id 8, and those of 2 others: it belongs to",
        ),
        # Copied from the place of another one.
        ([(4, slot(SD, owner_id=9))], "host id 5: it is that of host id 9"),
        # Text from storage is harmless.
        ([(0, slot("\x1b[2J"))], r"another lockspace, \x1b[2J"),
    ],
)
def test_ids_that_sanlock_refuses(slots, words):
    (fault,) = lockspace(*slots)
    assert words in fault


@pytest.mark.parametrize("size", [0, 511, MIB - 1])
def test_short_ids(size):
    (fault,) = lockspace(data=leasefiles.ids(SD)[:size])
    assert fault == f"it has {size} bytes of {MIB}"


@pytest.mark.parametrize(
    "align, sector, hosts", [(1, 512, 2000), (1, 4096, 250), (8, 4096, 2000)]
)
def test_sizes_of_sanlock(align, sector, hosts):
    flags = align << 4
    one = slot(SD, flags=flags, sector=sector).ljust(sector, b"\0")
    data = (one * hosts).ljust(align * MIB, b"\0")
    size = align * MIB, sector
    assert ondisk.host_ids(*size) == hosts
    assert ondisk.lockspace_faults(data, SD, *size) == []
    last = data[: (hosts - 1) * sector].ljust(align * MIB, b"\0")
    (fault,) = ondisk.lockspace_faults(last, SD, *size)
    assert fault.startswith(f"the slot of host id {hosts}: ")


def test_a_lockspace_of_an_old_sanlock_has_no_flag_of_its_area():
    assert lockspace((0, slot(SD, flags=0))) == []


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "too short"),
        (bytes(SECTOR), "never initialized"),
        (sdm(OTHER), f"another lockspace, {OTHER}"),
        (sdm(SD, "SPM"), "the lease SPM, and not SDM"),
        (sdm(SD, num_hosts=100), "made for 100 hosts, this one is 250"),
        (sdm(SD, sector=4096), "sectors of 4096"),
        (slot(SD), "its magic is 0x12212010"),
        (sdm(SD)[:60] + b"x" + sdm(SD)[61:], "lockspace"),
        (sdm(SD)[:45] + b"x" + sdm(SD)[46:], "checksum is wrong"),
    ],
)
def test_leases_that_sanlock_refuses(data, words):
    (fault,) = ondisk.sdm_faults(data, SD, MIB, SECTOR, 250)
    assert words in fault


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "too short"),
        (bytes(512), "never initialized"),
        (leasefiles.index(OTHER), f"another lockspace, {OTHER}"),
        (leasefiles.index(SD, magic=1), "no index of VDSM"),
        (leasefiles.index(SD, version=b"0002"), "version 0002"),
        (leasefiles.index(SD, updating=b"u"), "begun and not finished"),
    ],
)
def test_index_that_vdsm_refuses(data, words):
    (fault,) = ondisk.index_faults(data, SD)
    assert words in fault


@pytest.mark.parametrize(
    "owner, generation, notes", [(0, 0, 0), (3, 1, 0), (3, 2, 0), (3, 5, 1)]
)
def test_ids_of_another_generation(owner, generation, notes):
    """The SDM lease was taken by a host that this ids has never seen."""
    used = slot(SD, "host", owner_id=3, generation=2, timestamp=7)
    ids = bytearray(leasefiles.ids(SD))
    ids[2 * SECTOR : 3 * SECTOR] = used
    lease = sdm(SD, owner_id=owner, generation=generation)
    found = ondisk.owner_notes(lease, bytes(ids), SECTOR)
    assert len(found) == notes
    assert not notes or "ids is older than leases" in found[0]
