# SPDX-License-Identifier: GPL-2.0-or-later
"""
Real VDSM with real block domains: LUNs by multipath, LVs that become active.

A pool takes long to make, so all tests of a version share one; those that
change it for good are its last ones. tests/e2e/vdsm_test.py runs them in a
virtual machine.
"""


import pytest

from tests.support import outside
from tests.support.outside import FLAG
from tests.support.vdsm import vdsmblock
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.support.waiting import wait_until
from tests.vdsm.gates_live_test import plug, replicate
from tests.vdsm.gates_test import told
from tests.vdsm.inside import storage, vms
from tests.vdsm.preview_test import REFUSED
from vdsm_backup.metadata import flag

pytestmark = [
    # In an emulated machine a domain alone takes a minute.
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(vdsmblock.missing()), reason=vdsmblock.missing()),
]


@pytest.fixture(scope="module", params=[4, 5])
def pool_of_version(request):
    with vdsmblock.pool(request.param) as made:
        yield made


@pytest.fixture
def pool(pool_of_version):
    yield pool_of_version
    pool_of_version.clean()


@pytest.fixture
def host(pool):
    return pool.host


@pytest.fixture
def domain(pool):
    """It has no flag."""
    return pool.domain


# The flag is a tag of the VG


def test_set_read_clear(host, domain):
    before = domain.values()
    assert host.get_backup(domain.sd_id)["backup"] is False
    assert host.info(domain.sd_id)["backup"] is False

    result = host.set_backup(domain.sd_id, True, "copies of site A & B, é")
    assert (result["changed"], result["backup"]) == (True, True)
    assert "MDT_BACKUP=True" in domain.tags()
    stored = domain.flag()
    assert (stored.value, stored.by) == (True, "api@127.0.0.1")
    assert stored.reason == "copies of site A & B, é"
    assert host.info(domain.sd_id)["backup"] is True
    assert host.get_backup(domain.sd_id) == outside.told(stored)

    result = host.set_backup(domain.sd_id, False, "moved to tape")
    assert (result["changed"], result["backup"]) == (True, False)
    assert "MDT_BACKUP=False" in domain.tags()
    assert host.info(domain.sd_id)["backup"] is False
    after = domain.values()
    assert {k: after.get(k) for k in before} == before
    assert set(after) - set(before) <= set(flag.KEYS)


def known_and_flagged(host, domain):
    """VDSM has it in memory without a flag; on storage it has one."""
    host.info(domain.sd_id)
    domain.put_flag()


def test_description(host, domain):
    known_and_flagged(host, domain)
    host.describe(domain.sd_id, "new name")
    after = domain.values()["DESCRIPTION"], domain.flag()
    # Other tests know it by its name.
    host.describe(domain.sd_id, "data")
    assert after == ("new name", FLAG)


# VMs that start


def test_start(pool, host, domain):
    disk = pool.disk(domain)
    assert pool.active() == []
    vm = Guest(host, disk)
    assert vm.start() == ""
    assert told(host) == ([disk.image], [], ["web1"])
    assert pool.active() == [disk.volume]
    vm.destroy()
    assert pool.active() == []


def test_start_on_a_flagged_domain(pool, host, domain):
    disk = pool.disk(domain)
    host.do(vms.record_activated)
    domain.put_flag()
    assert Guest(host, disk).start() == (
        "VM web1 cannot start: disk vda is on backup domain data"
        f" (set by {FLAG.by}: {FLAG.reason}) (error 994)"
        "; copy the disk elsewhere"
    )
    assert told(host) == ([], [], [])
    assert host.run("say(cif.activated)") == [[]]
    assert pool.active() == []
    assert guests.links(host, domain.sd_id) == []


def set_when_prepared(pool, disk):
    domain = pool.domain
    asked = [pool.master.sd_id, domain.sd_id]
    args = (disk.image, domain.sd_id, domain.device, asked)
    pool.host.do(vms.flag_vg_when_prepared, *args)


def was_active(host):
    """LVs of images that were so when the flag was set."""
    found = sum(host.run("say(cif.active)")[0], [])
    return sorted(name for name in found if name not in vdsmblock.SPECIAL)


def test_flag_that_comes_while_it_is_prepared(pool, host, domain):
    """All LVs of all disks were active, and are not any more."""
    disks = [pool.disk(domain), pool.disk(pool.master, name="vdb")]
    volumes = [disk.volume for disk in disks]
    pool.snapshot(disks[0])
    volumes.append(disks[0].volume)
    assert pool.active() == []

    set_when_prepared(pool, disks[1])
    text = Guest(host, *disks).start()
    assert "disk vda is on backup domain data (set by" in text
    assert was_active(host) == sorted(volumes)
    assert pool.active() == []
    images = sorted(disk.image for disk in disks)
    prepared, torn_down, running = told(host)
    assert sorted(prepared) == sorted(torn_down) == images
    assert running == []
    assert guests.links(host, domain.sd_id) == []
    assert guests.links(host, pool.master.sd_id) == []


# Disks of a VM that runs


@pytest.fixture
def vm(pool, host):
    """It runs from the master."""
    guest = Guest(host, pool.disk(pool.master))
    assert guest.start() == ""
    return guest


def test_hot_plug(pool, host, domain, vm):
    before = pool.active()
    disk = pool.disk(domain, name="vdb")
    plug(host, vm, disk)
    assert pool.active() == [*before, disk.volume]


def test_hot_plug_from_a_flagged_domain(pool, host, domain, vm):
    before = pool.active()
    disk = pool.disk(domain, name="vdb")
    host.do(vms.record_activated)
    domain.put_flag()
    code, text = guests.refused(plug, host, vm, disk)
    assert (code, "disk vdb is on backup domain data" in text) == (994, True)
    assert host.run("say(cif.activated)") == [[]]
    assert pool.active() == before


@pytest.mark.parametrize("how", ["plug", "replicate"])
def test_disk_and_a_flag_that_comes_late(pool, host, domain, vm, how):
    before = pool.active()
    disk = pool.disk(domain, name="vdb")
    set_when_prepared(pool, disk)
    if how == "plug":
        code, _ = guests.refused(plug, host, vm, disk)
    else:
        (source,) = vm.disks
        code, _ = guests.refused(replicate, host, vm, source, disk)
    assert code == 994
    assert was_active(host) == sorted([*before, disk.volume])
    assert pool.active() == before
    assert guests.links(host, domain.sd_id) == []


# Snapshots and their preview


def test_snapshot_and_preview(pool, host, domain):
    disk = pool.disk(domain)
    base = pool.snapshot(disk)
    domain.put_flag()
    leaf = pool.snapshot(disk)
    before = domain.lvs()
    assert {base, leaf, disk.volume} <= before
    code, text = guests.refused(pool.volume, disk, base)
    assert (code, "A VM cannot preview a snapshot" in text) == (REFUSED, True)
    assert "(error 994)" in text
    assert domain.lvs() == before
    assert pool.active() == []

    domain.put_flag(flag.Flag(False))
    preview = pool.volume(disk, base)
    assert domain.lvs() == before | {preview}


# The last ones


@pytest.mark.parametrize("pool_of_version", [4], indirect=True)
def test_conversion_to_v5(pool, host):
    domains = (pool.master, pool.domain)
    host.stop_spm(pool.sp_id)
    devices = {one.sd_id: one.device for one in domains}
    host.do(storage.flag_when_converted, devices)
    host.become_spm(pool.sp_id, version=5)
    for one in domains:
        wait_until(lambda sd=one: sd.values()["VERSION"] == "5", 120, pause=1)
        assert one.values()["BLOCK_SIZE"] == "512"
        assert one.flag() == FLAG
        assert host.get_backup(one.sd_id)["backup"] is True


@pytest.mark.parametrize("pool_of_version", [5], indirect=True)
def test_vdsm_without_the_plugin_loses_the_flag(pool, domain):
    pool.restart(plugin=False)
    known_and_flagged(pool.host, domain)
    pool.host.describe(domain.sd_id, "new name")
    assert domain.values()["DESCRIPTION"] == "new name"
    assert domain.flag().value is False
    assert "MDT_BACKUP=True" not in domain.tags()
