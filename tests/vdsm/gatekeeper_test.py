# SPDX-License-Identifier: GPL-2.0-or-later
"""
How the guard inside a real VDSM decides: by the configuration of now, by
flags read through VDSM's own I/O, also where that does not answer.
"""

import contextlib
import os
import re

import pytest

from tests.support import outside
from tests.support.vdsm import inside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.support.waiting import RUNS_OUT, wait_until
from tests.vdsm.gates_test import make_pool
from tests.vdsm.inside import guard, vms


@pytest.fixture
def pool(host):
    return make_pool(host)


@pytest.fixture
def disk(host, pool):
    """Of the first domain."""
    return guests.disk(host, host.sp_id, pool[0][0])


# What the journal is told


def entries(host):
    return host.run("say(list(cif.entries)); cif.entries.clear()")[0]


def test_refusal(host, pool, disk):
    host.do(guard.record_journal)
    outside.put_flag(pool[0][1])
    vm = Guest(host, disk)
    vm.start()
    (entry,) = entries(host)
    reason = outside.FLAG.reason
    assert entry["message"].startswith("Refused: VM web1 cannot start:")
    assert reason in entry["message"]
    assert entry["code"] == 994
    assert entry["answer"] == "refused"
    assert entry["mode"] == "enforcing"
    assert entry["operation"] == "run"
    assert (entry["vm"], entry["vm_id"]) == ("VM web1", vm.id)
    assert (entry["domain"], entry["disk"]) == (pool[0][0], "disk vda")
    assert "another domain" in entry["hint"]


@pytest.mark.parametrize("mode", ["permissive", "disabled"])
def test_let_through(host, pool, disk, mode):
    """Read at each decision; each start is told, by both checks."""
    host.do(guard.record_journal)
    outside.put_flag(pool[0][1])
    host.configure(mode=mode)
    vm = Guest(host, disk)
    assert vm.start() == ""
    found = entries(host)
    assert {e["message"].split(":")[0] for e in found} == {
        {
            "permissive": "Would be refused (mode is permissive)",
            "disabled": "Not refused ([guard] mode is disabled)",
        }[mode]
    }
    assert {(e["answer"], e["mode"], e["vm_id"]) for e in found} == {
        ("allowed", mode, vm.id)
    }
    assert {e["domain"] for e in found} == {pool[0][0]}
    vm.destroy()
    host.configure(mode=None)
    assert "is on backup domain" in Guest(host, disk).start()


def test_broken_configuration(host, pool, disk):
    """All that could be refused is; what never is, is not."""
    host.do(guard.record_journal)
    running = Guest(host, disk, name="running")
    assert running.start() == ""
    host.configure(mode="maybe")
    text = Guest(host, disk).start()
    assert "[guard] mode" in text
    assert text.endswith("(error 987)")
    other = guests.disk(host, host.sp_id, pool[1][0], "vdb")
    params = {"vmId": running.id, "xml": guests.plug_xml(other)}
    plug = {"vmID": running.id, "params": params}
    assert guests.refused(host.call, "VM.hotplugDisk", **plug)[0] == 987
    assert {e["answer"] for e in entries(host)} == {"refused"}
    assert set(host.do(vms.recover, running.id)) == {disk.image}
    running.destroy()
    host.configure(mode=None)
    assert Guest(host, disk, name="later").start() == ""


def test_what_vdsm_does_not_read_refuses_nobody(host, disk):
    host.configure(bridge_allow="shwo", dir="relative")
    assert Guest(host, disk, name="goes-on").start() == ""
    host.configure(bridge_allow=None, dir=None)


def test_configuration_is_gone(host, disk):
    os.remove(host.config)
    assert "(error 987)" in Guest(host, disk).start()


def test_fault_of_ours(host, disk):
    """A refusal with its own code; not when nothing is to be refused."""
    host.do(guard.record_journal)
    host.do(guard.break_needs_of_drives)
    text = Guest(host, disk).start()
    assert "mine" in text
    assert text.endswith("(error 999)")
    (entry,) = entries(host)
    assert (entry["code"], entry["answer"]) == (999, "refused")
    assert "needs_of_drives" in entry["trace"]
    host.configure(mode="disabled")
    assert Guest(host, disk, name="web2").start() == ""


# Flags that cannot be read


def no_file(metafile):
    os.rename(metafile, metafile + ".gone")


def empty(metafile):
    os.truncate(metafile, 0)


def broken_seal(metafile):
    with open(metafile) as f:
        text = f.read()
    with open(metafile, "w") as f:
        f.write(text.replace("data0", "date0"))


def neither(metafile):
    values = {**outside.values(metafile), "BACKUP": "maybe"}
    outside.put(metafile, values)


def no_identity(metafile):
    values = outside.values(metafile)
    del values["SDUUID"]
    outside.put(metafile, values)


@pytest.mark.parametrize(
    "damage, cause",
    [
        (no_file, "no metadata"),
        (empty, "no metadata"),
        (no_identity, "SDUUID"),
        (broken_seal, "seal"),
        (neither, "maybe"),
    ],
)
def test_unreadable(host, pool, disk, damage, cause):
    damage(pool[0][1])
    # Not for long here.
    host.do(inside.retry_for, 0.3)
    text = Guest(host, disk).start()
    assert "not because it is flagged: cannot read the flag of" in text
    assert re.search(r"\(error 995: \d{3}\)$", text)
    assert host.run("say(cif.prepared)") == [[]]
    host.configure(on_unreadable="allow")
    if damage is not no_file:
        assert Guest(host, disk, name="allowed").start() == ""


# Storage that does not answer: the read is stuck until the test lets it go


@contextlib.contextmanager
def stuck(host, sd_id):
    host.do(guard.stick, sd_id)
    try:
        yield
    finally:
        host.run("cif.go.set()")


def wait_until_stuck(host):
    wait_until(lambda: host.run("say(len(cif.stuck))")[0])


def test_it_is_told_in_time(host, pool, disk):
    host.configure(io_timeout=RUNS_OUT)
    with stuck(host, pool[0][0]):
        text = Guest(host, disk).start()
        assert host.run("say(len(cif.stuck))") == [1]
    assert "not because it is flagged: cannot read the flag of" in text
    assert text.endswith("(error 995: 962)")
    assert host.run("say(cif.prepared)") == [[]]


def test_a_read_that_is_stuck_stops_nobody_else(host, pool, disk):
    """Neither a start, a destroy, nor the end of the VM itself."""
    others = [
        guests.disk(host, host.sp_id, sd_id, "vdb") for sd_id, _ in pool[1:]
    ]
    running = Guest(host, others[0], name="running")
    assert running.start() == ""
    with stuck(host, pool[0][0]):
        waiting = Guest(host, disk, name="waiting")
        waiting.create()
        wait_until_stuck(host)
        assert host.do(vms.locked, waiting.id) == [False, False]
        assert Guest(host, others[1], name="second").start() == ""
        running.destroy()
        waiting.destroy()
        assert host.run("say(libvirt.running())") == [["second"]]
    assert host.run("say(args[0] in cif.prepared)", disk.image) == [False]


def test_the_second_look_holds_no_lock_either(host, pool, disk):
    host.do(guard.stick_when_prepared, pool[0][0])
    waiting = Guest(host, disk, name="waiting")
    waiting.create()
    wait_until_stuck(host)
    assert host.do(vms.locked, waiting.id) == [False, False]
    # Releasing the drives takes the lock of the VM.
    waiting.destroy()
    host.run("cif.go.set()")


def test_what_is_only_told_does_not_wait(host, pool, disk):
    """Recovery and live snapshots, while their domain does not answer."""
    host.do(guard.record_journal)
    vm = Guest(host, disk)
    assert vm.start() == ""
    outside.put_flag(pool[0][1])
    drive = {**disk.pdiv(), "baseVolumeID": disk.volume, "volumeID": "x"}
    with stuck(host, pool[0][0]):
        assert host.do(vms.recover, vm.id) == [disk.image]
        host.call("VM.snapshot", vmID=vm.id, snapDrives=[drive])
        wait_until_stuck(host)
        assert entries(host) == []
    found = []

    def told():
        found.extend(entries(host))
        return len(found) >= 2

    wait_until(told, 60, lambda: f"two entries: {found}")
    assert {(e["operation"], e["answer"], e["code"]) for e in found} == {
        ("recover", "allowed", 994),
        ("live-snapshot", "allowed", 994),
    }


# Many at once


def test_boot_storm(host, pool):
    host.get_backup(pool[0][0])
    reads, answers, count = host.do(guard.storm, *pool[0], host.config)
    assert count == 100
    # All who came in after the flag was set have seen it.
    assert answers == [994]
    # The one from before; one for all who waited; stragglers share a third.
    assert reads <= 4


# The tags of a VG, as VDSM's LVM cache has them


def test_reading_a_block_domain_asks_lvm_and_keeps_its_lvs(host):
    first, second, calls, lv = host.do(guard.read_tags_twice)
    assert (first, second) == (["VERSION=5"], ["VERSION=5"])
    assert (calls, lv) == ([["sd"], ["sd"]], "an LV")
