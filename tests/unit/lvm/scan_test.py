# SPDX-License-Identifier: GPL-2.0-or-later
"""Which VG of a scan is a domain's; of real VGs: block_unsafe_test.py."""

import pytest

from tests.support.storage.fakelvm import make_vg
from vdsm_backup import errors
from vdsm_backup.lvm.scan import Pv, Scan

VG = make_vg()
HANGS = errors.StorageTimeout("lvm pvs on /dev/mapper/b", 30)
LEFT_OUT = errors.LvmFailed("pvs", 0, "/dev/mapper/c was left out")


def test_domains():
    other = VG._replace(name="rhel", tags=())
    scan = Scan([other, VG], {})
    assert scan.domains == [VG]
    assert scan.pick("sd1") is VG


def test_what_is_not_there_is_not_found():
    with pytest.raises(errors.DomainNotFound):
        Scan([VG], {}).pick("sd2")


def test_it_may_be_on_a_device_that_was_not_read():
    unread = {"/dev/mapper/b": HANGS, "/dev/mapper/c": LEFT_OUT}
    assert Scan([VG], unread).pick("sd1") is VG
    with pytest.raises(errors.StorageTimeout) as e:
        Scan([VG], unread).pick("sd2")
    assert e.value is HANGS


def test_two_vgs_of_one_name():
    with pytest.raises(errors.AmbiguousDomain) as e:
        Scan([VG, VG._replace(uuid="VG-2")], {}).pick("sd1")
    found = "VG sd1 on /dev/mapper/a"
    assert e.value.places == f"{found} (VG-1); {found} (VG-2)"


def pv(name, has_metadata, others=()):
    return Pv(name, f"uuid-{name}", False, has_metadata, others)


def test_how_to_see_a_replica_and_its_origin():
    """lvm finds a VG only by a PV that has the VG's metadata."""
    pvs = (pv("/dev/a", False, ("/dev/a1",)), pv("/dev/b", True, ("/dev/b1",)))
    vg = VG._replace(pvs=pvs, duplicates=("/dev/a1", "/dev/b1"))
    with pytest.raises(errors.VolumeGroupUnsafe) as e:
        Scan([vg], {}).pick("sd1")
    hint, *_ = e.value.hint_lines()
    show = "vdsm-backup-domain show --device"
    assert hint.endswith(f"look at each: {show} /dev/b; {show} /dev/b1")


def test_how_to_see_two_vgs_of_one_name():
    other = VG._replace(uuid="VG-2", pvs=(pv("/dev/b", True),))
    with pytest.raises(errors.AmbiguousDomain) as e:
        Scan([VG, other], {}).pick("sd1")
    show = "vdsm-backup-domain show --device"
    (hint,) = e.value.hint_lines()
    assert hint.endswith(f"{show} /dev/mapper/a; {show} /dev/b")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tags": ("nightly",)}, "no tag RHAT_storage_domain"),
        ({"duplicates": ("/dev/mapper/c",)}, "/dev/mapper/a, /dev/mapper/c"),
    ],
)
def test_unsafe(change, words):
    with pytest.raises(errors.VolumeGroupUnsafe, match=words):
        Scan([VG._replace(**change)], {}).pick("sd1")
