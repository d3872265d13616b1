# SPDX-License-Identifier: GPL-2.0-or-later
"""What real LVM on loop devices cannot show; verify_block_test.py has more."""

import pytest

from tests.support.storage import filedomain
from vdsm_backup.lvm.layout import Layout, Lv, Pv, Segment
from vdsm_backup.lvm.scan import Vg
from vdsm_backup.verify import volume_group

SD = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"
MIB = 1024**2
VG = Vg(SD, "V", "wz--n-", ("RHAT_storage_domain",), "", "", (), ())


def lv(name, size=16384 * MIB):
    segment = Segment("linear", 0, size, "/dev/a", 0)
    return Lv(name, "-wi-------", size, "", (segment,))


def check(
    sizes=(512, 512),
    free=60 * MIB,
    version=5,
    lvs=(),
    device_size=8192 * MIB,
    read_only=(),
    **values,
):
    values = filedomain.metadata(SD, version, **values)
    pvs = [
        Pv(f"/dev/{n}", n, MIB, 60, 128 * MIB, free, 64 * MIB, device_size)
        for n in "ab"
    ]
    known = {name: lv(name) for name in volume_group.SPECIAL_LVS}
    known.update({one.name: one for one in lvs})
    blocks = {"/dev/a": (512, 512), "/dev/b": sizes}
    return volume_group.check_layout(
        VG, Layout(pvs, known), values, blocks.get, read_only.__contains__
    )


def test_all_is_well():
    for version in (4, 5):
        found = check(version=version)
        assert (found.problems, found.notes) == ([], [])


def test_blocks_of_two_sizes():
    (problem,) = check(sizes=(4096, 4096)).problems
    assert problem.code == 9622
    assert "/dev/a 512/512, /dev/b 4096/4096" in str(problem)
    assert len(check(sizes=(512, 4096)).problems) == 1


def test_sizes_of_blocks_that_are_not_known():
    assert check(sizes=None).problems == []


def test_device_that_is_smaller_than_its_pv():
    """A LUN that was replicated to a smaller one."""
    end = MIB + 60 * 128 * MIB
    assert check(device_size=end).problems == []
    first, second = check(device_size=end - 512).problems
    assert first.code == 9622
    assert f"/dev/a has {end - 512} bytes, its PV ends at {end}" in str(first)


def test_device_that_is_read_only():
    (problem,) = check(read_only=["/dev/b"]).problems
    assert problem.code == 9624 and "/dev/b is read-only" in str(problem)


@pytest.mark.parametrize(
    "free, codes, notes",
    [(60 * MIB, [], 0), (12 * MIB, [], 1), (4096, [9624], 0)],
)
def test_space_for_tags(free, codes, notes):
    found = check(free=free)
    assert [e.code for e in found.problems] == codes
    assert len(found.notes) == notes


@pytest.mark.parametrize(
    "name, size, align, code",
    [
        ("ids", MIB - 512, MIB, 9620),
        ("leases", 2 * MIB - 512, MIB, 9620),
        ("ids", 7 * MIB, 8 * MIB, 9620),
        ("leases", 15 * MIB, 8 * MIB, 9620),
        ("leases", 2 * MIB, MIB, None),
        ("metadata", MIB, MIB, None),
    ],
)
def test_lv_that_is_too_short(name, size, align, code):
    found = check(lvs=[lv(name, size)], ALIGNMENT=str(align))
    codes = [e.code for e in found.problems]
    assert codes == ([code] if code else [])
    assert code or f"LV {name} has {size} bytes" in found.notes[0]
