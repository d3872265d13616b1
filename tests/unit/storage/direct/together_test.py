# SPDX-License-Identifier: GPL-2.0-or-later
"""
What one scan of the devices of several domains and LUNs tells of each; lvm is
a fake. With the real one: tests/integration/together_test.py.
"""

import os
import threading

import pytest

from tests.support.host.sysblock import SysBlock
from tests.support.storage.readplace import TAGS, A, read
from tests.support.waiting import SOON
from vdsm_backup import config, errors
from vdsm_backup.lvm.scan import DOMAIN_TAG, Pv, Scan, Vg
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.processes.jobs import Jobs
from vdsm_backup.storage import together
from vdsm_backup.storage.direct import DirectReader
from vdsm_backup.vm.paths import BLOCK, LUN, Location, NotADomain

B = "7c1d4f02-33b5-4f6e-8a1c-2b6f7d8e9a01"
AT_A, AT_B = Location(A, BLOCK), Location(B, BLOCK)
AT_LUN = Location("", LUN, "/dev/lun", candidate=True)

ALONE = [Pv("/dev/alone", "uuid", False, True)]


def vg(name, *devices, **more):
    pvs = tuple(Pv(device, device, False, True) for device in devices)
    tags = TAGS if name == A else (DOMAIN_TAG, "MDT_SDUUID=x")
    made = Vg(name, f"uuid of {name}", "wz--n-", tags, "", "", pvs, ())
    return made._replace(**more)


VG_A, VG_B = vg(A, "/dev/a"), vg(B, "/dev/b")


class Scans:
    """
    In place of lvm: the devices of each scan, and what one of several finds.
    What is scanned by itself is a domain on /dev/alone, or LUNs are no PVs.
    """

    def __init__(self, monkeypatch):
        self.finds = Scan([VG_A, VG_B], {}, ["/dev/lun"])
        self.of = []
        self.timeouts = []
        self._lock = threading.Lock()
        monkeypatch.setattr(Lvm, "scan_once", lambda lvm: self._scan(lvm))

    def _scan(self, lvm):
        with self._lock:
            self.of.append("+".join(lvm.devices))
            self.timeouts.append(lvm.timeout)
        if len(lvm.devices) == 1:
            name = {"/dev/a": A, "/dev/b": B}.get(lvm.devices[0])
            made = [vg(name)._replace(pvs=ALONE, tags=TAGS)] if name else []
            return Scan(made, {})
        if isinstance(self.finds, Exception):
            raise self.finds
        return self.finds


@pytest.fixture
def scans(monkeypatch):
    # What was found is not too old on a busy machine.
    monkeypatch.setattr(together.Together, "lag", SOON)
    return Scans(monkeypatch)


@pytest.fixture
def sysfs(tmp_path):
    """LVs of A and B are active, on a device each."""
    block = SysBlock(os.path.join(tmp_path, "sys", "block"))
    block.lv(A, ["/dev/a"])
    block.lv(B, ["/dev/b"])
    return block


def together_on(host, *locations):
    """host.reader will read these."""
    options = config.load(host.config)
    options.lvm_devices = ["/dev/x", "/dev/y"]
    host.reader = DirectReader(options, host.sysfs, locations)


def answers(host, *locations):
    jobs = Jobs(
        {at: lambda at=at: host.reader.read(at, SOON) for at in locations}
    )
    return {
        at: error or lines
        for at, lines, error in jobs.results(lambda: threading.TIMEOUT_MAX)
    }


def test_one_scan_for_all(host, sysfs, scans):
    together_on(host, AT_A, AT_B, AT_LUN)
    assert read(host, AT_A)["SDUUID"] == A
    assert host.reader.read(AT_B, SOON) == ["SDUUID=x"]
    with pytest.raises(NotADomain):
        host.reader.read(AT_LUN, SOON)
    assert scans.of == ["/dev/a+/dev/b+/dev/lun"]
    assert scans.timeouts == [together.PATIENCE]


def test_a_lun_that_is_a_pv_of_a_domain(host, sysfs, scans):
    scans.finds = Scan([vg(A, "/dev/lun"), VG_B], {})
    together_on(host, AT_LUN, AT_B)
    assert read(host, AT_LUN)["SDUUID"] == A
    assert scans.of == ["/dev/b+/dev/lun"]


def test_a_lun_that_is_a_pv_of_another_vg(host, sysfs, scans):
    scans.finds = Scan([vg("other", "/dev/lun", tags=()), VG_B], {})
    together_on(host, AT_LUN, AT_B)
    with pytest.raises(NotADomain):
        host.reader.read(AT_LUN, SOON)
    assert scans.of == ["/dev/b+/dev/lun"]


def test_a_single_one_is_asked_as_ever(host, sysfs, scans):
    together_on(host, AT_A)
    assert read(host, AT_A)["SDUUID"] == A
    assert scans.of == ["/dev/a"]
    assert scans.timeouts[0] > together.PATIENCE


# Each leaves a question.
QUESTIONS = {
    "it fails": errors.LvmFailed("pvs", 5, "broken"),
    "it takes too long": errors.StorageTimeout("lvm", 1),
    "a device is unread": Scan(
        [VG_A, VG_B],
        {"/dev/b": errors.LvmFailed("pvs", 5, "EIO")},
        ["/dev/lun"],
    ),
    "a device is not told of": Scan([VG_A, VG_B], {}),
    "a replica": Scan(
        [VG_A, VG_B._replace(duplicates=("/dev/lun",))], {}, ["/dev/lun"]
    ),
    "two VGs of a name": Scan([VG_A, vg(A, "/dev/b")], {}, ["/dev/lun"]),
}
OF_A = {
    "no such VG": Scan([VG_B], {}, ["/dev/a", "/dev/lun"]),
    "another VG on its device": Scan(
        [vg("x", "/dev/a"), VG_B], {}, ["/dev/lun"]
    ),
    "a PV on the device of another one": Scan(
        [vg(A, "/dev/a", "/dev/lun"), VG_B], {}
    ),
    "only a PV on the device of another one": Scan(
        [vg(A, "/dev/lun"), VG_B], {}, ["/dev/a"]
    ),
}


@pytest.mark.parametrize("why", QUESTIONS)
def test_a_question_that_concerns_all(host, sysfs, scans, why):
    scans.finds = QUESTIONS[why]
    together_on(host, AT_A, AT_B, AT_LUN)
    found = answers(host, AT_A, AT_B, AT_LUN)
    assert found[AT_A] == found[AT_B] != ["SDUUID=x"]
    assert isinstance(found[AT_LUN], NotADomain)
    first, *rest = scans.of
    assert first == "/dev/a+/dev/b+/dev/lun"
    assert sorted(rest) == ["/dev/a", "/dev/b", "/dev/lun"]


@pytest.mark.parametrize("why", OF_A)
def test_a_question_that_concerns_one(host, sysfs, scans, why):
    scans.finds = OF_A[why]
    together_on(host, AT_A, AT_B, AT_LUN)
    found = answers(host, AT_A, AT_B)
    assert f"SDUUID={A}" in found[AT_A]
    assert found[AT_B] == ["SDUUID=x"]
    assert sorted(scans.of) == ["/dev/a", "/dev/a+/dev/b+/dev/lun"]


def test_two_vgs_on_the_devices_of_one(host, sysfs, scans):
    sysfs.lv(A, ["/dev/a2"])
    scans.finds = Scan([VG_A, vg("x", "/dev/a2"), VG_B], {})
    together_on(host, AT_A, AT_B)
    host.reader.read(AT_A, SOON)
    assert scans.of[:2] == ["/dev/a+/dev/a2+/dev/b", "/dev/a+/dev/a2"]


def test_a_scan_that_does_not_end(host, sysfs, scans, monkeypatch):
    """Each is asked by itself, in the time that is left."""
    end = threading.Event()
    hung = []

    def scan(lvm):
        if len(lvm.devices) > 1:
            hung.append(lvm)
            end.wait(SOON)
        return scans._scan(lvm)

    monkeypatch.setattr(Lvm, "scan_once", scan)
    together_on(host, AT_A, AT_B)
    found = answers(host, AT_A, AT_B)
    assert found[AT_A] == found[AT_B] != ["SDUUID=x"]
    assert sorted(scans.of) == ["/dev/a", "/dev/b"]
    (one,) = hung
    assert one.timeout == together.PATIENCE
    assert all(each <= SOON - together.PATIENCE for each in scans.timeouts)
    end.set()


def test_a_short_time(host, sysfs, scans):
    scans.finds = errors.StorageTimeout("lvm", 1)
    together_on(host, AT_A, AT_B)
    host.reader.read(AT_A, 3.6)
    both, alone = scans.timeouts
    assert both == pytest.approx(0.9)
    assert 1 < alone <= 3.6


def test_what_is_read_again_is_new(host, sysfs, scans):
    together_on(host, AT_A, AT_B)
    host.reader.read(AT_A, SOON)
    host.reader.read(AT_B, SOON)
    host.reader.read(AT_A, SOON)
    assert scans.of == ["/dev/a+/dev/b", "/dev/a"]


@pytest.mark.parametrize("active", [True, False])
def test_who_asks_late_gets_no_old_scan(
    host, tmp_path, scans, active, monkeypatch
):
    """A machine may be so busy that the thread of one begins late."""
    if active:
        block = SysBlock(os.path.join(tmp_path, "sys", "block"))
        block.lv(A, ["/dev/a"])
        block.lv(B, ["/dev/b"])
    together_on(host, AT_A, AT_B)
    host.reader.read(AT_A, SOON)
    monkeypatch.setattr(together.Together, "lag", 0)
    before = len(scans.of)
    host.reader.read(AT_B, SOON)
    assert len(scans.of) == before + 1


def test_others_are_read_as_ever(host, sysfs, scans):
    together_on(host, AT_A, AT_LUN)
    host.reader.read(AT_A, SOON)
    host.reader.read(AT_B, SOON)
    assert scans.of == ["/dev/a+/dev/lun", "/dev/b"]


def test_domains_without_active_lvs(host, scans):
    """All devices are scanned once for all, in what time that takes."""
    together_on(host, AT_A, AT_B)
    found = answers(host, AT_A, AT_B)
    assert f"SDUUID={A}" in found[AT_A]
    assert found[AT_B] == ["SDUUID=x"]
    assert scans.of == ["/dev/x+/dev/y"]
    # The first of the three attempts of Lvm.scan().
    assert scans.timeouts == [SOON / 2]


def test_the_error_of_all_devices_is_that_of_each_domain(host, scans):
    scans.finds = errors.LvmFailed("pvs", 5, "broken")
    together_on(host, AT_A, AT_B)
    found = answers(host, AT_A, AT_B)
    assert found == dict.fromkeys((AT_A, AT_B), scans.finds)


def test_a_domain_with_active_lvs_beside_those_without(host, tmp_path, scans):
    block = SysBlock(os.path.join(tmp_path, "sys", "block"))
    block.lv(A, ["/dev/a"])
    other = Location("f1b3e8d2-9f0a-4c7b-b1de-6a5c4b3a2f10", BLOCK)
    together_on(host, AT_A, AT_B, other)
    found = answers(host, AT_A, AT_B, other)
    assert f"SDUUID={A}" in found[AT_A]
    assert found[AT_B] == ["SDUUID=x"]
    assert isinstance(found[other], errors.DomainNotFound)
    assert sorted(scans.of) == ["/dev/a", "/dev/x+/dev/y"]


def test_an_answer_may_be_older_than_it_looks(host, sysfs):
    assert host.reader.lag == 0
    together_on(host, AT_A)
    assert host.reader.lag == 0
    together_on(host, AT_A, AT_B)
    assert host.reader.lag == together.PATIENCE
