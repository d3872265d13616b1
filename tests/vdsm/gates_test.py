# SPDX-License-Identifier: GPL-2.0-or-later
"""
VMs that start, resume and come in, in a real VDSM: VM.create by JSON-RPC, its
own thread, its own preparation of images, and a real start by libvirt's test
driver. What the engine would show is the exit message of VM.getStats.
"""

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.vdsm.inside import vms

WHY = outside.FLAG.reason


@pytest.fixture
def pool(host):
    """Three regular domains of a pool: [(UUID, path of metadata), ...]."""
    return make_pool(host)


def make_pool(host, version=5):
    master, _ = host.local_domain(version)
    regular = [host.local_domain(version, f"data{i}") for i in range(3)]
    host.sp_id = host.pool(master, *(sd_id for sd_id, _ in regular))
    return regular


def told(host):
    """(prepared, torn down, running) so far."""
    return tuple(
        host.run("say([cif.prepared, cif.torn_down, libvirt.running()])")[0]
    )


@pytest.mark.parametrize("version", [4, 5])
def test_own_disk(host, version):
    (sd_id, metafile), *_ = make_pool(host, version)
    disk = guests.disk(host, host.sp_id, sd_id)

    free = Guest(host, disk, name="free")
    assert free.start() == ""
    assert told(host) == ([disk.image], [], ["free"])
    assert guests.links(host, sd_id) == [disk.image]
    free.destroy()
    assert guests.links(host, sd_id) == []

    outside.put_flag(metafile)
    vm = Guest(host, disk)
    assert vm.start() == (
        "VM web1 cannot start: disk vda is on backup domain data0"
        f" (set by {outside.FLAG.by}: {WHY}) (error 994)"
        "; copy the disk elsewhere"
    )
    # Nothing was prepared since.
    assert told(host) == ([disk.image], [disk.image], [])
    assert guests.links(host, sd_id) == []
    assert vm.stats()["exitCode"] == 1
    assert vm.stats()["exitReason"] == 1  # GENERIC_ERROR, as a bad volume
    vm.destroy()


def test_the_engine_polls_the_same(host, pool):
    outside.put_flag(pool[0][1])
    vm = Guest(host, guests.disk(host, host.sp_id, pool[0][0]))
    text = vm.start()
    (stats,) = host.call("Host.getAllVmStats")
    assert (stats["vmId"], stats["exitMessage"]) == (vm.id, text)


def test_all_in_one_message(host, pool):
    disks = [
        guests.disk(host, host.sp_id, sd_id, f"vd{letter}")
        for (sd_id, _), letter in zip(pool, "abc")
    ]
    outside.put_flag(pool[0][1])
    outside.put_flag(pool[2][1])
    first, second = Guest(host, *disks).start().split("; VM ")
    assert "disk vda is on backup domain data0" in first
    assert "disk vdc is on backup domain data2" in second
    assert told(host) == ([], [], [])


def test_lease_of_the_vm(host, pool):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    outside.put_flag(pool[1][1])
    vm = Guest(host, disk, lease=pool[1][0])
    assert "a lease is on backup domain data1" in vm.start()
    assert told(host) == ([], [], [])


def test_cdrom_and_others_from_anywhere(host, pool):
    """A disk elsewhere; a CD-ROM that is an image; a payload."""
    disk = guests.disk(host, host.sp_id, pool[1][0])
    cdrom = guests.disk(host, host.sp_id, pool[0][0], "sdc", "cdrom")
    outside.put_flag(pool[0][1])
    assert Guest(host, disk, cdrom).start() == ""
    prepared, torn_down, running = told(host)
    assert sorted(prepared) == sorted([disk.image, cdrom.image])
    assert (torn_down, running) == ([], ["web1"])


def test_flag_that_comes_while_it_is_prepared(host, pool):
    """The second check; all that was prepared is torn down, a CD-ROM too."""
    disks = [
        guests.disk(host, host.sp_id, pool[0][0]),
        guests.disk(host, host.sp_id, pool[1][0], "vdb"),
        guests.disk(host, host.sp_id, pool[2][0], "sdc", "cdrom"),
    ]
    set_when_prepared(host, disks[1], pool[0][1])
    text = Guest(host, *disks).start()
    assert "disk vda is on backup domain data0" in text
    images = sorted(d.image for d in disks)
    prepared, torn_down, running = told(host)
    assert sorted(prepared) == sorted(torn_down) == images
    assert running == []
    assert [guests.links(host, sd_id) for sd_id, _ in pool] == [[], [], []]


def set_when_prepared(host, disk, metafile):
    host.do(vms.flag_when_prepared, disk.image, metafile)


# Resuming. The saved memory is what a real libvirt would need.


def resume(host, vm):
    """VM.create as of a hibernated VM, but for its memory volumes."""
    host.do(vms.resume, vm.id, vm.xml)
    return vm.ended()


def test_resume(host, pool):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    # It gets as far as libvirt.
    assert "save header" in resume(host, Guest(host, disk))
    outside.put_flag(pool[0][1])
    before = told(host)[0]
    text = resume(host, Guest(host, disk, name="web2"))
    assert text.startswith(
        "Wake up from hibernation failed:VM web2 cannot start: disk vda is on"
    )
    assert told(host)[0] == before == [disk.image]


# After a restart of VDSM


def test_recovery_is_never_refused(host, pool):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    vm = Guest(host, disk)
    assert vm.start() == ""
    outside.put_flag(pool[0][1])
    assert host.do(vms.recover, vm.id) == [disk.image]
    assert guests.links(host, pool[0][0]) == [disk.image]
    assert told(host)[1:] == ([], ["web1"])


# Incoming migrations


def come_in(host, vm, old_style):
    """(code, message) of VM.migrationCreate, as the source calls it."""
    params = {"vmName": vm.name, "migrationDest": "libvirt", "xml": vm.xml}
    if old_style:
        # What it runs there; only this counts, as for VDSM itself.
        params["_srcDomXML"], params["xml"] = vm.xml, "<domain/>"
        params["elapsedTimeOffset"] = 1.5
    return guests.refused(
        host.call,
        "VM.migrationCreate",
        vmID=vm.id,
        params=params,
        incomingLimit=2,
    )


@pytest.mark.parametrize("old_style", [True, False])
def test_incoming_migration(host, pool, old_style):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    outside.put_flag(pool[0][1])
    vm = Guest(host, disk)
    code, text = come_in(host, vm, old_style)
    assert code == 994
    assert text.startswith("VM web1 cannot migrate here: disk vda is on")
    # No VM was created at all.
    assert host.call("Host.getVMList") == []
    assert told(host) == ([], [], [])


def test_incoming_migration_from_elsewhere(host, pool):
    outside.put_flag(pool[1][1])
    vm = Guest(host, guests.disk(host, host.sp_id, pool[0][0]))
    answer = host.do(vms.come_in, vm.id, vm.xml)
    assert answer["status"]["code"] == 0
    assert answer["migrationPort"] == 0


def test_incoming_migration_and_a_flag_that_comes_late(host, pool):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    set_when_prepared(host, disk, pool[0][1])
    host.do(vms.set_listener_timeout, 1)
    vm = Guest(host, disk)
    answer = host.do(vms.come_in, vm.id, vm.xml)
    assert answer["status"]["code"] != 0
    assert "VM web1 cannot migrate here" in vm.ended()
    assert told(host) == ([disk.image], [disk.image], [])


@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize("when", ["prepared", "checked"])
def test_destroyed_while_it_starts(host, pool, when, flagged):
    """While an image is prepared, or between that and its use."""
    disk = guests.disk(host, host.sp_id, pool[0][0])
    vm = Guest(host, disk)
    if when == "prepared":
        host.do(vms.destroy_when_prepared, vm.id)
    else:
        host.do(vms.destroy_when_checked, vm.id)
    if flagged:
        host.do(vms.flag_after_then, pool[0][1])
    vm.create()
    host.do(vms.wait_destroyed, vm.id)
    prepared, torn_down, running = told(host)
    assert (prepared, running) == ([disk.image], [])
    assert disk.image in torn_down
    assert guests.links(host, pool[0][0]) == []


def test_destroyed_while_it_comes_in(host, pool):
    disk = guests.disk(host, host.sp_id, pool[0][0])
    vm = Guest(host, disk)
    host.do(vms.set_listener_timeout, 1)
    host.do(vms.destroy_when_prepared, vm.id)
    host.do(vms.come_in, vm.id, vm.xml)
    host.do(vms.wait_destroyed, vm.id)
    assert guests.links(host, pool[0][0]) == []
