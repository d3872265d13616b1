# SPDX-License-Identifier: GPL-2.0-or-later
"""
Memory volumes: a VM hibernates, and resumes, by the verbs that the engine
sends. That its memory is on a flagged domain is allowed; whether it resumes
is a question of where its disks are. libvirt's test driver writes the memory
volume, and starts the VM from it again.
"""

import uuid

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.support.waiting import wait_until
from tests.vdsm.gates_live_test import told_of
from tests.vdsm.inside import guard
from vdsm_backup.metadata import flag


@pytest.fixture
def pool(host):
    return guests.regular_domains(host)


class Memory:
    """Volumes of a domain for the memory of a VM, and for its parameters."""

    def __init__(self, host, sd_id):
        self.host = host
        self.dump, self.conf = (
            guests.disk(host, host.sp_id, sd_id) for _ in range(2)
        )

    def handle(self):
        ids = [self.dump.domain, self.dump.pool]
        for disk in (self.dump, self.conf):
            ids += [disk.image, disk.volume]
        return ",".join(ids)

    def params(self):
        return {
            "memoryDumpVolume": self.dump.pdiv(),
            "memoryConfVolume": self.conf.pdiv(),
        }

    def hibernate(self, vm):
        self.host.call(
            "VM.hibernate", vmID=vm.id, hibernationVolHandle=self.handle()
        )
        wait_until(lambda: vm.stats()["status"] == "Down", 60, vm.stats)
        assert vm.stats()["exitMessage"] == "SaveState succeeded"
        vm.destroy()
        assert running(self.host) == []
        self.host.run("cif.prepared.clear()")


def prepared(host):
    return sorted(host.run("say(cif.prepared)")[0])


def running(host):
    return host.run("say(libvirt.running())")[0]


@pytest.mark.parametrize("form", ["handle", "volumes", "snapshot"])
def test_memory_on_a_flagged_domain(host, pool, form):
    """In all forms that the verb takes; also as a preview with memory."""
    disk = guests.disk(host, host.sp_id, pool[1][0])
    vm = Guest(host, disk)
    assert vm.start() == ""
    host.set_backup(pool[0][0])
    memory = Memory(host, pool[0][0])
    memory.hibernate(vm)
    params = {
        "handle": {"hiberVolHandle": memory.handle()},
        "volumes": memory.params(),
        "snapshot": {**memory.params(), "restoreFromSnapshot": True},
    }
    assert vm.start(**params[form]) == ""
    assert running(host) == ["web1"]
    images = [disk.image, memory.dump.image, memory.conf.image]
    assert prepared(host) == sorted(images)
    assert guests.links(host, pool[0][0]) == []
    assert host.get_backup(pool[0][0])["backup"] is True


def test_disks_on_a_flagged_domain(host, pool):
    """A VM that runs there may leave; it does not come back."""
    disk = guests.disk(host, host.sp_id, pool[0][0])
    vm = Guest(host, disk)
    assert vm.start() == ""
    outside.put_flag(pool[0][1])
    memory = Memory(host, pool[1][0])
    memory.hibernate(vm)
    assert vm.start(**memory.params()).startswith(
        "Wake up from hibernation failed:VM web1 cannot start: disk vda is on"
    )
    vm.destroy()
    # What VDSM knows of it is read before.
    assert prepared(host) == [memory.conf.image]
    assert running(host) == []
    outside.put_flag(pool[0][1], flag.Flag(False))
    assert vm.start(**memory.params()) == ""
    assert running(host) == ["web1"]


@pytest.mark.parametrize(
    "flagged, told", [(0, []), (1, [["live-snapshot", "allowed", "VM web1"]])]
)
def test_live_snapshot_with_memory(host, pool, flagged, told):
    """The domain of the memory, which is nothing to tell; or of the disk."""
    host.do(guard.record_journal)
    disk = guests.disk(host, host.sp_id, pool[1][0])
    vm = Guest(host, disk)
    assert vm.start() == ""
    outside.put_flag(pool[flagged][1])
    memory = Memory(host, pool[0][0])
    leaf = guests.volume(
        host, host.sp_id, disk.domain, disk.image, disk.volume
    )
    drive = {**disk.pdiv(), "baseVolumeID": disk.volume, "volumeID": leaf}
    host.run("cif.prepared.clear()")
    job = str(uuid.uuid4())
    host.call(
        "VM.snapshot",
        vmID=vm.id,
        snapDrives=[drive],
        snapMemory=memory.handle(),
        jobUUID=job,
    )
    host.wait_for_job(job)
    assert [name for name, _ in host.run("say(done)")[0]] == [
        "snapshotCreateXML"
    ]
    images = [disk.image, memory.dump.image, memory.conf.image]
    assert prepared(host) == sorted(images)
    assert guests.links(host, pool[0][0]) == []
    host.do(guard.wait_for_notes)
    assert told_of(host) == told
