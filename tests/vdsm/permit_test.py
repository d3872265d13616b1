# SPDX-License-Identifier: GPL-2.0-or-later
"""
A permit inside a real VDSM: it lifts what the plugin would refuse to its VM,
before images are prepared and after, and nothing else.
"""

import os

import pytest

from tests.support import outside
from tests.support.hooks import permitfile
from tests.support.hooks.permitfile import content, needs_root, write
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.vdsm.gates_live_test import disk_of, plug, replicate
from tests.vdsm.gates_test import come_in, make_pool, told
from tests.vdsm.inside import guard

pytestmark = needs_root


@pytest.fixture
def permit_dir(host):
    path = os.path.join(host.root, "permits")
    host.configure(permits=path)
    return path


@pytest.fixture
def pool(host):
    return make_pool(host)


def entries(host):
    """Of the guard, since record_journal."""
    return host.run("say(cif.entries)")[0]


@pytest.mark.parametrize("unreadable", [False, True])
def test_start(host, pool, permit_dir, unreadable):
    (sd_id, metafile), *_ = pool
    disk = guests.disk(host, host.sp_id, sd_id)
    outside.put_flag(metafile)
    code = 994
    if unreadable:
        outside.put(metafile, {**outside.values(metafile), "BACKUP": "Maybe"})
        code = 995
    vm = Guest(host, disk)
    write(permit_dir, vm.id, content(vm.id))
    host.do(guard.record_journal)
    assert vm.start() == ""
    assert told(host) == ([disk.image], [], ["web1"])
    # Both checks.
    assert [(e["code"], e["answer"]) for e in entries(host)] == [
        (code, "allowed"),
        (code, "allowed"),
    ]
    for entry in entries(host):
        assert entry["reason"] == "the mail server, ticket 4711"
        assert entry["vm_id"] == vm.id
    assert "permitted until 20" in host.log()


def test_another_vm(host, pool, permit_dir):
    (sd_id, metafile), *_ = pool
    outside.put_flag(metafile)
    vm = Guest(host, guests.disk(host, host.sp_id, sd_id))
    other = Guest(host, guests.disk(host, host.sp_id, sd_id), name="other")
    write(permit_dir, vm.id, content(vm.id))
    assert "(error 994)" in other.start()
    assert vm.start() == ""


def test_one_that_has_expired(host, pool, permit_dir):
    (sd_id, metafile), *_ = pool
    outside.put_flag(metafile)
    vm = Guest(host, guests.disk(host, host.sp_id, sd_id))
    write(permit_dir, vm.id, permitfile.expired(vm.id))
    host.do(guard.record_journal)
    assert "(error 994)" in vm.start()
    assert [e["code"] for e in entries(host)] == [9606, 994]
    assert told(host) == ([], [], [])


def test_incoming_migration(host, pool, permit_dir):
    (sd_id, metafile), *_ = pool
    outside.put_flag(metafile)
    vm = Guest(host, guests.disk(host, host.sp_id, sd_id))
    assert come_in(host, vm, False)[0] == 994
    write(permit_dir, vm.id, content(vm.id))
    host.do(guard.record_journal)
    come_in(host, vm, False)
    assert {e["answer"] for e in entries(host)} == {"allowed"}


def test_hot_plug_and_replication(host, pool, permit_dir):
    (one, _), (two, metafile), _ = pool
    vm = Guest(host, guests.disk(host, host.sp_id, one))
    assert vm.start() == ""
    outside.put_flag(metafile)
    plugged = guests.disk(host, host.sp_id, two, "vdb")
    target = guests.disk(host, host.sp_id, two)
    source = disk_of(host, vm)
    assert guests.refused(plug, host, vm, plugged)[0] == 994
    assert guests.refused(replicate, host, vm, source, target)[0] == 994
    write(permit_dir, vm.id, content(vm.id))
    plug(host, vm, plugged)
    replicate(host, vm, source, target)
    assert told(host)[0][1:] == [plugged.image, target.image]
