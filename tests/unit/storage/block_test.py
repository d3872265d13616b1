# SPDX-License-Identifier: GPL-2.0-or-later
"""
A block domain between two looks at LVM: what is answered by the last one. On
real VGs it is in integration/block_test.py.
"""

import contextlib
import json

import pytest

from tests.support.storage.fakelvm import make_vg
from vdsm_backup import errors
from vdsm_backup.lvm.scan import Pv, Scan, vg_of
from vdsm_backup.storage.block import BlockStorage

NOT_FOUND = errors.DomainNotFound("sd1")


class Lvm:
    """One VG, which may change, and how often it was looked at."""

    def __init__(self):
        self.looks = 0
        self.error = None
        self.asked = []
        self.say("a")

    def say(self, wwid):
        pv = Pv(f"/dev/mapper/{wwid}", f"pv-{wwid}", False, True)
        tags = ("RHAT_storage_domain", f"MDT_SEEN={wwid}")
        self.now = make_vg()._replace(pvs=(pv,), tags=tags)

    def scan(self):
        self.looks += 1
        if self.error:
            raise self.error
        return Scan([self.now], {})

    def find_to_read(self, name):
        return self.scan().pick(name)

    find_to_change = find_to_read

    def describe(self):
        return {}

    def lvs(self, vg):
        self.asked += vg.devices
        return []

    def cfgbackup(self, vg, path):
        self.asked += vg.devices


@pytest.fixture
def runner():
    return Lvm()


@pytest.fixture
def storage(runner):
    """It was found while its PV was a."""
    found = BlockStorage("sd1", runner, scan=runner.scan())
    runner.looks = 0
    runner.say("b")
    return found


def answers(storage, runner):
    """All that may be answered by the last look."""
    runner.asked.clear()
    storage.save_extra("/x")
    storage.open_lvs()
    assert runner.asked[0] == runner.asked[1]
    device = runner.asked[0]
    wwid = device.rpartition("/")[2]
    assert storage.origin() == f"pv:pv-{wwid},wwid:{wwid}"
    assert storage.match_origin(storage.origin()) == "same"
    return wwid


def test_the_look_that_found_it(storage, runner):
    assert storage.last_scan() == ["SEEN=a"]
    assert answers(storage, runner) == "a"
    assert runner.looks == 0


def test_a_later_look(storage, runner):
    assert storage.read() == ["SEEN=b"]
    assert storage.last_scan() == ["SEEN=b"]
    assert answers(storage, runner) == "b"
    assert runner.looks == 1
    runner.say("c")
    assert storage.read() == ["SEEN=c"]
    assert answers(storage, runner) == "c"


def test_the_look_of_a_write(storage, runner):
    with pytest.raises(errors.MetadataChanged):
        storage.write(["SEEN=a"], [], lambda step: None)
    assert answers(storage, runner) == "b"
    assert runner.looks == 1


HEX = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    "tags, expected",
    [
        ([f"_SHA_CKSUM={HEX}"], [f"MDT__SHA_CKSUM={HEX}"]),
        ([], []),
        (
            [f"_SHA_CKSUM={HEX}", f"_SHA_CKSUM={HEX[::-1]}"],
            [f"MDT__SHA_CKSUM={HEX}", f"MDT__SHA_CKSUM={HEX[::-1]}"],
        ),
        # What somebody made up, beside one and alone.
        ([f"_SHA_CKSUM={HEX}", "_SHA_CKSUM=0"], []),
        (["_SHA_CKSUM="], []),
        ([f"_SHA_CKSUM={HEX}0"], []),
        (['_SHA_CKSUM="} || vg_name="x'], []),
    ],
)
def test_what_a_change_replaces_is_named_to_lvm(
    storage, runner, tags, expected
):
    lines, tags = tags, tuple(f"MDT_{tag}" for tag in tags)
    runner.now = runner.now._replace(tags=("RHAT_storage_domain", *tags))
    named = []

    def change_tags(vg, add, delete, only_with):
        named.append(only_with)
        added = tuple(sorted(add))
        runner.now = runner.now._replace(tags=("RHAT_storage_domain", *added))

    runner.change_tags = change_tags
    runner.only = lambda devices: runner
    storage.write(lines, ["NEW=1"], lambda step: None)
    assert named == [expected]


@pytest.mark.parametrize("look", ["read", "write"])
def test_nothing_is_known_after_a_look_that_fails(storage, runner, look):
    storage.read()
    runner.error = NOT_FOUND
    with pytest.raises(errors.DomainNotFound):
        if look == "read":
            storage.read()
        else:
            storage.write(None, [], lambda step: None)
    for ask in (storage.last_scan, storage.origin, storage.open_lvs):
        with pytest.raises(errors.DomainNotFound):
            ask()
    runner.error = None
    assert answers(storage, runner) == "b"


class Activator:
    """Notes what it is given, and activates nothing."""

    @contextlib.contextmanager
    def active(self, lvm, vg, paths):
        self.vg = vg
        yield


@pytest.mark.parametrize(
    "unread, looks",
    [
        ({}, 0),
        ({"/dev/x": errors.LvmFailed("pvs", 5, "left out")}, 0),
        ({"/dev/x": errors.StorageTimeout("pvs", 30)}, 1),
    ],
)
def test_the_look_that_finds_a_domain_is_enough_for_its_lease(
    runner, unread, looks
):
    """Unless a device hangs: a replica may be on it."""
    scan = runner.scan()._replace(unread=unread)
    storage = BlockStorage("sd1", runner, scan=scan)
    runner.looks = 0
    activator = Activator()
    with storage.lease_paths(activator):
        assert activator.vg == runner.now
    assert runner.looks == looks


def test_a_later_look_is_not_enough_for_a_lease(storage, runner):
    """It may have passed over a device that hangs."""
    storage.read()
    runner.looks = 0
    with storage.lease_paths(Activator()):
        pass
    assert runner.looks == 1


def test_what_is_given_to_the_writer(storage, runner):
    assert "vg" not in storage.describe()
    storage.read_to_change()
    described = json.loads(json.dumps(storage.describe()["vg"]))
    assert vg_of(described) == runner.now
    # Only what was read last, and right before the write.
    storage.read()
    assert "vg" not in storage.describe()


@pytest.mark.parametrize(
    "changed, reason",
    [
        ({}, None),
        ({"attr": "wzx-n-"}, "it is exported"),
        ({"system_id": "host2"}, "it is foreign, of the host with ID host2"),
    ],
)
def test_hazard(runner, changed, reason):
    """By the last scan: nobody looks for it alone."""
    runner.now = runner.now._replace(**changed)
    found = Scan([runner.now], {})
    for storage in (
        BlockStorage("sd1", runner, scan=found),
        BlockStorage("sd1", runner),
    ):
        storage.last_scan() if storage._scan else storage.read()
        looks = runner.looks
        hazard = storage.hazard()
        assert runner.looks == looks
        assert (hazard and hazard.reason) == reason
    assert BlockStorage("sd1", runner).hazard() is None
