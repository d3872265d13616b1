# SPDX-License-Identifier: GPL-2.0-or-later
"""
A permit lifts the refusals of its VM at each hook, and of no other VM, and the
journal of the host has it.
"""

import os
import uuid

import pytest

from tests.support.hooks import permitfile, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.permitfile import content, write
from tests.support.hooks.vmxml import VM
from tests.support.processes.namespace import needs_namespace
from vdsm_backup.guard import permits

pytest_plugins = [
    "tests.support.hooks.hookfixtures",
    "tests.support.hooks.journalfixtures",
]
pytestmark = needs_namespace

OTHER = str(uuid.uuid4())


@pytest.fixture
def directory(guarded_host):
    yield guarded_host.cli.permits
    permit = permits.path_of(guarded_host.cli.permits, VM)
    if os.path.lexists(permit):
        os.unlink(permit)


def from_vdsm(point):
    def run(guarded_host, disk, vm_id):
        if point == "before_disk_hotplug":
            return guarded_host.vdsm(point, disk.encode(), vm_id=vm_id)
        return guarded_host.vdsm(point, vmxml.vm(disk, uuid=vm_id))

    return run


def from_libvirt(operation):
    return lambda guarded_host, disk, vm_id: guarded_host.libvirt(
        operation, vmxml.vm(disk, uuid=vm_id)
    )


WAYS = {
    **{point: from_vdsm(point) for point in POINTS},
    "prepare": from_libvirt("prepare"),
    "migrate": from_libvirt("migrate"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_lifts_the_refusals_of_its_vm(
    guarded_host, domain, directory, logged, way
):
    domain.flag("True")
    assert_refused(WAYS[way](guarded_host, domain.disk(), VM), 994)
    write(directory, VM, content(VM))
    logged()
    assert_allowed(WAYS[way](guarded_host, domain.disk(), VM))
    (entry,) = logged()
    assert entry["VDSM_BACKUP_ANSWER"] == "allowed"
    assert entry["VDSM_BACKUP_CODE"] == "994"
    assert entry["VDSM_BACKUP_DOMAIN"] == domain.sd_id
    assert entry["VDSM_BACKUP_REASON"] == "the mail server, ticket 4711"
    assert entry["VDSM_BACKUP_BY"] == "root@host1"
    assert entry["MESSAGE"].startswith("Not refused, permitted until 20")
    assert_refused(WAYS[way](guarded_host, domain.disk(), OTHER), 994)
    assert [e["VDSM_BACKUP_ANSWER"] for e in logged()] == ["refused"]


def test_as_the_command_makes_it_and_takes_it_away(
    guarded_host, nfs, directory
):
    nfs.flag("True")
    data = vmxml.vm(nfs.disk())
    permit = ["permit", "--vm", VM]
    done = guarded_host.cli.process(
        *permit, "--for", "1h", "--reason", "ticket 4711"
    )
    assert done.code == 0
    assert_allowed(guarded_host.start(data))
    assert_allowed(guarded_host.libvirt("prepare", data))
    assert guarded_host.cli.process(*permit, "--revoke").code == 0
    assert_refused(guarded_host.start(data), 994)
    assert_refused(guarded_host.libvirt("prepare", data), 994)


@pytest.mark.parametrize("value", ["Maybe", "gone"])
def test_a_flag_that_cannot_be_read(
    guarded_host, nfs, directory, logged, value
):
    if value == "gone":
        guarded_host.guard(io_timeout=2)
    nfs.flag("Maybe")
    if value == "gone":
        os.unlink(nfs.metadata)
    data = vmxml.vm(nfs.disk())
    assert_refused(guarded_host.start(data), 995)
    write(directory, VM, content(VM))
    logged()
    assert_allowed(guarded_host.start(data))
    (entry,) = logged()
    assert (entry["VDSM_BACKUP_CODE"], entry["VDSM_BACKUP_ANSWER"]) == (
        "995",
        "allowed",
    )


@pytest.mark.parametrize(
    "kind", ["expired", "other boot", "no JSON", "others may write", "link"]
)
def test_one_that_lifts_nothing(guarded_host, nfs, directory, logged, kind):
    nfs.flag("True")
    path = write(directory, VM, content(VM))
    if kind == "expired":
        write(directory, VM, permitfile.expired(VM))
    elif kind == "other boot":
        write(directory, VM, content(VM, boot=OTHER))
    elif kind == "no JSON":
        write(directory, VM, b"{")
    elif kind == "others may write":
        os.chmod(path, 0o666)
    else:
        os.rename(path, f"{path}.real")
        os.symlink(f"{path}.real", path)
    assert_refused(guarded_host.start(vmxml.vm(nfs.disk())), 994)
    told, refused = logged()
    assert told["VDSM_BACKUP_CODE"] == "9606"
    assert told["VDSM_BACKUP_VM_ID"] == VM
    assert told["MESSAGE"].startswith(f"The permit of VM {VM} lifts nothing")
    assert refused["VDSM_BACKUP_ANSWER"] == "refused"


def test_a_fifo_in_its_place_stops_no_hook(
    guarded_host, nfs, directory, logged
):
    nfs.flag("True")
    os.makedirs(directory, exist_ok=True)
    os.mkfifo(permits.path_of(directory, VM))
    assert_refused(guarded_host.start(vmxml.vm(nfs.disk())), 994)
    assert "is no regular file" in logged()[0]["MESSAGE"]


def test_user_vdsm_permits_nothing(guarded_host, nfs, directory, logged):
    nfs.flag("True")
    path = write(directory, VM, content(VM))
    os.chown(path, 36, 36)
    assert_refused(guarded_host.libvirt("prepare", vmxml.vm(nfs.disk())), 994)
    assert "belongs to user 36" in logged()[0]["MESSAGE"]


@pytest.mark.parametrize("vm_id", ["", "no UUID"])
def test_a_vm_without_a_uuid(guarded_host, nfs, directory, vm_id):
    nfs.flag("True")
    write(directory, VM, content(VM))
    data = vmxml.vm(nfs.disk(), uuid=vm_id)
    assert_refused(guarded_host.start(data), 994)
    disk = nfs.disk().encode()
    assert_refused(
        guarded_host.vdsm("before_disk_hotplug", disk, vm_id=vm_id), 994
    )


def test_custom_properties_do_not_name_another_vm(
    guarded_host, nfs, directory
):
    """VDSM sets vmId after them; a start goes by the XML."""
    nfs.flag("True")
    write(directory, VM, content(VM))
    data = vmxml.vm(nfs.disk(), uuid=OTHER)
    assert_refused(guarded_host.start(data, custom={"vmId": VM}), 994)
    disk = nfs.disk().encode()
    point = "before_disk_hotplug"
    custom = {"vmId": VM}
    assert_refused(
        guarded_host.vdsm(point, disk, vm_id=OTHER, custom=custom), 994
    )


def test_what_is_not_lifted(guarded_host, nfs, directory, logged):
    """Nobody knows of which VM a broken XML is, and what it needs."""
    write(directory, VM, content(VM))
    disk = b"<disk"
    assert_refused(
        guarded_host.vdsm("before_disk_hotplug", disk, vm_id=VM), 996
    )
    guarded_host.guard(mode="maybe")
    assert_refused(guarded_host.start(vmxml.vm()), 987)


def test_it_is_not_looked_for_where_nothing_is_refused(
    guarded_host, nfs, directory, logged
):
    nfs.flag("False")
    write(directory, VM, b"{")
    assert_allowed(guarded_host.start(vmxml.vm(nfs.disk())))
    nfs.flag("True")
    guarded_host.guard(mode="permissive")
    assert_allowed(guarded_host.start(vmxml.vm(nfs.disk())))
    assert [e["VDSM_BACKUP_CODE"] for e in logged()] == ["994"]
