# SPDX-License-Identifier: GPL-2.0-or-later
"""Which VG of a scan is a domain's; of real VGs: block_unsafe_test.py."""

import pytest

from tests.support.storage.fakelvm import make_vg
from vdsm_backup import errors
from vdsm_backup.lvm.scan import Scan

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
