# SPDX-License-Identifier: GPL-2.0-or-later
"""
StorageDomain.setBackup while others use the domain: leases, host ids, copies
in the history, locks of VDSM, and VMs of this host.
"""

import fcntl
import os
import threading

import pytest

from tests.support import outside
from tests.support.vdsm.refusals import refused
from tests.support.waiting import wait_until
from tests.vdsm.inside import faults, storage, vms
from vdsm_backup import errors
from vdsm_backup.change import history
from vdsm_backup.metadata import flag
from vdsm_backup.metadata import lines as md_lines


def test_lease_is_busy(host, sd):
    """The lease of a local domain is a lock of its file `ids`."""
    ids = os.path.join(os.path.dirname(sd[1]), "ids")
    with open(ids) as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        refused(errors.LeaseBusy, host.set_backup, sd[0])
    assert flag.BACKUP not in outside.values(sd[1])
    host.set_backup(sd[0])


def test_lease_is_given_back(host, sd):
    host.set_backup(sd[0])
    with open(os.path.join(os.path.dirname(sd[1]), "ids")) as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


def wait_for_host_id(host, sd_id):
    """The monitor acquires it in the background."""
    wait_until(lambda: host.do(storage.has_host_id, sd_id), pause=0.1)


def test_host_id_of_the_monitor_stays(host, sd):
    wait_for_host_id(host, sd[0])
    host.set_backup(sd[0])
    assert host.do(storage.has_host_id, sd[0]) is True


def test_host_id_that_we_acquired_is_released(host):
    """A domain in maintenance is attached, and not monitored."""
    master, _ = host.local_domain()
    sd_id, metafile = host.local_domain()
    sp_id = host.pool(master, sd_id)
    host.deactivate(sp_id, sd_id)
    assert host.do(storage.has_host_id, sd_id) is False
    host.set_backup(sd_id)
    assert host.do(storage.has_host_id, sd_id) is False
    assert outside.read_flag(metafile).value is True


def test_a_copy_is_kept_before(host, sd):
    before = outside.values(sd[1])
    host.set_backup(sd[0])
    kept = history.History(host.history)
    assert kept.numbers(sd[0]) == [1]
    copy = kept.get(sd[0], 1)
    assert md_lines.parse(copy.lines).values == before
    assert (copy.action, copy.by) == ("set", "api@127.0.0.1")


def test_no_copy_no_change(host, sd):
    with open(host.history, "w"):
        pass
    refused(errors.HistoryFailed, host.set_backup, sd[0])
    assert flag.BACKUP not in outside.values(sd[1])


@pytest.mark.parametrize("name", ["{pool}", "{sd}", "{sd}_backup"])
def test_locks_that_are_waited_for(host, sd, name):
    pool = outside.values(sd[1])["POOL_UUID"]
    host.do(storage.lock, name.format(sd=sd[0], pool=pool), "exclusive")
    waiting = threading.Thread(target=host.set_backup, args=[sd[0]])
    waiting.start()
    waiting.join(0.5)
    assert flag.BACKUP not in outside.values(sd[1])
    host.do(storage.unlock)
    waiting.join()
    assert outside.read_flag(sd[1]).value is True


@pytest.mark.parametrize("name", ["{pool}", "{sd}"])
def test_locks_that_are_shared(host, sd, name):
    """Copies have them: they do not wait for us, nor we for them."""
    pool = outside.values(sd[1])["POOL_UUID"]
    host.do(storage.lock, name.format(sd=sd[0], pool=pool), "shared")
    host.set_backup(sd[0])
    host.do(storage.unlock)


# VMs of this host


def run_vm(host, **vm):
    host.do(vms.run_vm, vm)


def test_refused_while_a_vm_of_this_host_runs_there(host, sd):
    run_vm(host, name="web1", xml=vms.XML.format(sd=sd[0], device="disk"))
    text = refused(errors.DomainInUse, host.set_backup, sd[0])
    assert "VM web1 (disk vda)" in text
    assert flag.BACKUP not in outside.values(sd[1])
    # Its way out of the flag is never barred.
    outside.put_flag(sd[1])
    host.set_backup(sd[0], False)


def test_refused_for_what_is_plugged_or_copied_to(host, sd):
    drive = {"name": "vdb", "device": "disk", "domainID": sd[0]}
    run_vm(host, name="web1", drives=[drive])
    assert "disk vdb" in refused(errors.DomainInUse, host.set_backup, sd[0])
    replica = {"domainID": sd[0]}
    drive = {**drive, "domainID": "other", "diskReplicate": replica}
    run_vm(host, name="web1", drives=[drive])
    text = refused(errors.DomainInUse, host.set_backup, sd[0])
    assert "copy of disk vdb" in text


def test_vms_that_do_no_harm(host, sd):
    run_vm(
        host, name="elsewhere", xml=vms.XML.format(sd="other", device="disk")
    )
    run_vm(host, name="cd", xml=vms.XML.format(sd=sd[0], device="cdrom"))
    ended = vms.XML.format(sd=sd[0], device="disk")
    run_vm(host, name="ended", xml=ended, status="Down")
    notes = host.set_backup(sd[0])["notes"]
    assert any("VM cd has a CD-ROM" in note for note in notes)


def test_vm_that_comes_while_the_flag_is_written(host, sd):
    xml = vms.XML.format(sd=sd[0], device="disk")
    host.do(faults.run_vm_when_written, "late", xml)
    text = refused(errors.FlagUndone, host.set_backup, sd[0])
    assert "VM late" in text
    assert flag.BACKUP not in outside.values(sd[1])
