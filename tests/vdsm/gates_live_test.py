# SPDX-License-Identifier: GPL-2.0-or-later
"""
Disks of VMs that run, in a real VDSM: hot plug, live storage migration, and
all that must go on on a flagged domain.
"""


import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.support.waiting import wait_until
from tests.vdsm.gates_test import set_when_prepared
from tests.vdsm.inside import guard, vms


@pytest.fixture
def pool(host):
    return guests.regular_domains(host)


@pytest.fixture
def vm(host, pool):
    """It runs from the second domain."""
    guest = Guest(host, guests.disk(host, host.sp_id, pool[1][0]))
    assert guest.start() == ""
    host.run("cif.prepared.clear()")
    return guest


def told(host):
    code = "say([cif.prepared, cif.torn_down, [d[0] for d in done]])"
    return tuple(host.run(code)[0])


def plug(host, vm, disk, verb="VM.hotplugDisk"):
    params = {"vmId": vm.id, "xml": guests.plug_xml(disk)}
    return host.call(verb, vmID=vm.id, params=params)


def test_hot_plug(host, pool, vm):
    disk = guests.disk(host, host.sp_id, pool[0][0], "vdb")
    outside.put_flag(pool[0][1])
    code, text = guests.refused(plug, host, vm, disk)
    assert (code, text) == (
        994,
        "VM web1 cannot plug in a disk: disk vdb is on backup domain data0"
        f" (set by {outside.FLAG.by}: {outside.FLAG.reason}) (error 994)"
        "; copy the disk elsewhere",
    )
    assert told(host) == ([], [], [])


def test_hot_plug_from_elsewhere(host, pool, vm):
    disk = guests.disk(host, host.sp_id, pool[1][0], "vdb")
    outside.put_flag(pool[0][1])
    plug(host, vm, disk)
    assert told(host) == ([disk.image], [], ["attachDevice"])


def test_hot_plug_and_a_flag_that_comes_late(host, pool, vm):
    disk = guests.disk(host, host.sp_id, pool[0][0], "vdb")
    set_when_prepared(host, disk, pool[0][1])
    code, text = guests.refused(plug, host, vm, disk)
    assert (code, "disk vdb is on backup" in text) == (994, True)
    assert told(host) == ([disk.image], [disk.image], [])
    assert guests.links(host, pool[0][0]) == []
    # The next one is not checked by what was left of this one.
    other = guests.disk(host, host.sp_id, pool[1][0], "vdc")
    plug(host, vm, other)


def test_hot_unplug_from_a_flagged_domain(host, pool, vm):
    disk = guests.disk(host, host.sp_id, pool[0][0], "vdb")
    plug(host, vm, disk)
    outside.put_flag(pool[0][1])
    host.do(vms.disks_unplugged, vm.id)
    plug(host, vm, disk, "VM.hotunplugDisk")
    assert told(host)[2] == ["attachDevice", "detachDevice"]
    # Also one that VDSM does not know: it prepares it to find it.
    unknown = guests.disk(host, host.sp_id, pool[0][0], "vdd")
    code, text = guests.refused(plug, host, vm, unknown, "VM.hotunplugDisk")
    assert "not found" in text
    assert unknown.image in told(host)[0]


# Live storage migration


def replicate(host, vm, source, target, verb="VM.diskReplicateStart"):
    return host.call(
        verb, vmID=vm.id, srcDisk=source.pdiv(), dstDisk=target.pdiv()
    )


def disk_of(host, vm):
    return guests.Disk(*host.do(vms.first_disk, vm.id))


REPLICA = (
    "say(hasattr(cif.vmContainer[args[0]].getDiskDevices()[0], "
    "'diskReplicate'))"
)


def test_replicate_to_a_flagged_domain(host, pool, vm):
    target = guests.disk(host, host.sp_id, pool[0][0])
    outside.put_flag(pool[0][1])
    source = disk_of(host, vm)
    code, text = guests.refused(replicate, host, vm, source, target)
    assert code == 994
    assert text.startswith("VM web1 cannot move a disk there: disk ")
    assert told(host) == ([], [], [])
    assert host.run(REPLICA, vm.id) == [False]


def test_replicate_and_a_flag_that_comes_late(host, pool, vm):
    target = guests.disk(host, host.sp_id, pool[0][0])
    set_when_prepared(host, target, pool[0][1])
    source = disk_of(host, vm)
    code, text = guests.refused(replicate, host, vm, source, target)
    assert code == 994
    assert text.startswith("VM web1 cannot move a disk there: disk ")
    assert told(host) == ([target.image], [target.image], [])
    assert guests.links(host, pool[0][0]) == []
    assert host.run(REPLICA, vm.id) == [False]


@pytest.mark.parametrize("there", [True, False])
def test_replicate_away_from_a_flagged_domain(host, pool, vm, there):
    """The way out. Its end, there or back, is a cleanup."""
    source = disk_of(host, vm)
    target = guests.disk(host, host.sp_id, pool[0][0])
    outside.put_flag(pool[1][1])
    replicate(host, vm, source, target)
    assert told(host)[2] == ["blockCopy"]
    # Now also the target: no cleanup is refused.
    outside.put_flag(pool[0][1])
    end = target if there else source
    replicate(host, vm, source, end, "VM.diskReplicateFinish")
    assert told(host)[2] == ["blockCopy", "blockJobAbort"]


def test_what_vdsm_answered_before(host, pool, vm):
    """Errors of the originals come through."""
    nowhere = guests.Disk(host.sp_id, pool[1][0], guests.BLANK, guests.BLANK)
    target = guests.disk(host, host.sp_id, pool[1][0])
    code, _ = guests.refused(replicate, host, vm, nowhere, target)
    assert code == 13  # imageErr
    code, _ = guests.refused(replicate, host, vm, disk_of(host, vm), nowhere)
    assert code == 55  # replicaErr


# All else that uses images


def test_image_verbs(host, pool):
    (sd_id, metafile), _ = pool
    disk = guests.disk(host, host.sp_id, sd_id)
    outside.put_flag(metafile)
    image = {
        "storagepoolID": host.sp_id,
        "storagedomainID": sd_id,
        "imageID": disk.image,
        "volumeID": disk.volume,
    }
    host.call("Image.prepare", allowIllegal=True, **image)
    assert guests.links(host, sd_id) == [disk.image]
    host.call("Image.teardown", **image)
    assert host.call("Volume.getInfo", **image)["uuid"] == disk.volume
    measured = host.call("Volume.measure", **image, dstVolFormat=guests.RAW)
    assert measured["required"] > 0
    # A new disk there, an upload, and its deletion.
    guests.disk(host, host.sp_id, sd_id)
    host.wait(
        host.call(
            "Image.delete",
            imageID=disk.image,
            storagepoolID=host.sp_id,
            storagedomainID=sd_id,
            postZero=False,
            force=False,
            discard=False,
        )
    )


# A VM that runs on a flagged domain is left alone, and told of


def told_of(host):
    """[operation, answer, VM] of each entry of the journal."""
    return [
        [entry["operation"], entry["answer"], entry["vm"]]
        for entry in host.run("say(cif.entries)")[0]
    ]


def entries(host, count):
    found = []

    def told():
        found[:] = told_of(host)
        return len(found) >= count

    wait_until(told, what=lambda: f"{count} entries: {found}", pause=0.05)
    return found


def begin(host, vm, verb):
    """A live snapshot or merge."""
    disk = disk_of(host, vm)
    if verb == "snapshot":
        drive = {**disk.pdiv(), "baseVolumeID": disk.volume, "volumeID": "x"}
        params = {"snapDrives": [drive]}
    else:
        params = {
            "drive": disk.pdiv(),
            "baseVolUUID": disk.volume,
            "topVolUUID": disk.volume,
            "jobUUID": guests.BLANK,
        }
    host.call(f"VM.{verb}", vmID=vm.id, **params)


@pytest.mark.parametrize(
    "verb, operation", [("snapshot", "live-snapshot"), ("merge", "live-merge")]
)
def test_way_out(host, pool, vm, verb, operation):
    host.do(guard.record_journal)
    host.do(vms.let_merge)
    outside.put_flag(pool[1][1])
    begin(host, vm, verb)
    assert entries(host, 1) == [[operation, "allowed", "VM web1"]]


def test_what_vdsm_refuses_is_not_told(host, pool, vm):
    """Nor is storage read for it."""
    host.do(guard.record_journal)
    outside.put_flag(pool[1][1])
    disk = guests.disk(host, host.sp_id, pool[1][0], "vdb")
    host.do(vms.migrate_away, vm.id)
    in_progress = 51  # MigrationInProgress
    assert guests.refused(begin, host, vm, "snapshot")[0] == in_progress
    assert guests.refused(plug, host, vm, disk)[0] == in_progress
    # It finds no chain in libvirt's test driver.
    guests.refused(begin, host, vm, "merge")
    host.do(vms.migrate_away, vm.id, False)
    begin(host, vm, "snapshot")
    told = [["live-snapshot", "allowed", "VM web1"]]
    assert entries(host, 1) == told


def test_hot_plug_by_a_path_alone(host, pool, vm):
    """As VM.create, it is checked by the XML, too."""
    disk = guests.disk(host, host.sp_id, pool[0][0], "vdb")
    outside.put_flag(pool[0][1])
    path = (
        f"/rhev/data-center/{host.sp_id}/{disk.domain}/images/{disk.image}"
        f"/{disk.volume}"
    )
    xml = (
        "<hotplug><devices><disk type='file' device='disk'>"
        f"<source file='{path}'/><target dev='vdb' bus='virtio'/>"
        "</disk></devices></hotplug>"
    )
    params = {"vmId": vm.id, "xml": xml}
    code, text = guests.refused(
        host.call, "VM.hotplugDisk", vmID=vm.id, params=params
    )
    assert (code, "disk vdb is on backup" in text) == (994, True)


def test_a_flag_that_is_set_while_a_disk_is_plugged_in(host, pool, vm):
    """After the second check, before VDSM knows the drive: `set` sees it."""
    disk = guests.disk(host, host.sp_id, pool[0][0], "vdb")
    host.do(vms.hook_into_hotplug, pool[0][0])
    try:
        plug(host, vm, disk)
    finally:
        host.do(vms.unhook)
    status = host.run("say(cif.answer['status'])")[0]
    assert status["code"] == 975
    assert "VM web1 (a disk that is being plugged in)" in status["message"]
    assert outside.read_flag(pool[0][1]).value is False


def test_a_hook_that_refuses_leaves_nothing_prepared(host, pool, vm):
    disk = guests.disk(host, host.sp_id, pool[1][0], "vdb")
    host.do(vms.hook_into_hotplug)
    try:
        guests.refused(plug, host, vm, disk)
    finally:
        host.do(vms.unhook)
    assert told(host) == ([disk.image], [disk.image], [])
