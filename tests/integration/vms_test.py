# SPDX-License-Identifier: GPL-2.0-or-later
"""Users of a domain by real libvirt calls, over VMs of its test driver."""

import os
import socket
import sys
import time

import pytest

from tests.support.hooks.needs import needs_other_user
from tests.support.waiting import SOON
from vdsm_backup.doctor import libvirt
from vdsm_backup.users import users

pytest.importorskip("libvirt")

SD = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d001"
OTHER = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d002"
POOL = "00000001-0001-0001-0001-000000000001"
IMG = "9b8f5a5e-7a6b-4c5d-8e9f-000000000001"
VOL = "3c1a7a80-1111-4222-8333-000000000001"
MNT = "/rhev/data-center/mnt"


def host(tmp_path, *vms):
    """URI of libvirt's test driver with these VMs."""
    path = tmp_path / "node.xml"
    path.write_text(f"<node>{''.join(vms)}</node>")
    return f"test://{path}"


def vm(name, *devices, around=""):
    return (
        "<domain type='test'"
        " xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>"
        f"<name>{name}</name><memory>65536</memory><os><type>hvm</type></os>"
        f"{around}<devices>{''.join(devices)}</devices></domain>"
    )


def disk(kind, source, target="vda", device="disk", more=""):
    return (
        f"<disk type='{kind}' device='{device}'>{source}{more}"
        f"<target dev='{target}'/></disk>"
    )


def file_disk(path, **kwargs):
    return disk("file", f"<source file='{path}'/>", **kwargs)


def block_disk(path, **kwargs):
    return disk("block", f"<source dev='{path}'/>", **kwargs)


def find(uri, timeout=20):
    return users.find(SD, "block", None, list, timeout, uri)


DISKS = {
    "pool": file_disk(f"/rhev/data-center/{POOL}/{SD}/images/{IMG}/{VOL}"),
    "nfs": file_disk(f"{MNT}/server:_path/{SD}/images/{IMG}/{VOL}"),
    "gluster mount": file_disk(
        f"{MNT}/glusterSD/server:vol/{SD}/images/{IMG}/{VOL}"
    ),
    "block": block_disk(f"{MNT}/blockSD/{SD}/images/{IMG}/{VOL}"),
    "run": block_disk(f"/run/vdsm/storage/{SD}/{IMG}/{VOL}"),
    "lvm": block_disk(f"/dev/{SD}/{VOL}"),
    "gluster": disk(
        "network",
        f"<source protocol='gluster' name='vol/{SD}/images/{IMG}/{VOL}'>"
        "<host name='server'/></source>",
    ),
    "transient": file_disk(f"/var/lib/vdsm/transient/{SD}-{VOL}.x7dk2l"),
    "chain": file_disk(
        f"/run/vdsm/storage/{OTHER}/{IMG}/{VOL}",
        more="<backingStore type='file'><format type='raw'/>"
        "<source file='/base'/><backingStore type='file'>"
        f"<format type='raw'/><source file='{MNT}/x/{SD}/images/{IMG}/{VOL}'/>"
        "</backingStore></backingStore>",
    ),
}

OTHERS = {
    "other domain": file_disk(f"{MNT}/x/{OTHER}/images/{IMG}/{VOL}"),
    "no component": file_disk(f"/data/copy-of-{SD}/disk.img"),
    "no disk": "",
}


@pytest.mark.parametrize("form", DISKS)
def test_a_disk_in_each_form(tmp_path, form):
    found = find(host(tmp_path, vm("web1", DISKS[form])))
    assert found.blocking == ["VM web1 (disk vda)"]


@pytest.mark.parametrize("form", OTHERS)
def test_a_vm_that_does_not_use_it(tmp_path, form):
    text = f"<description>from {MNT}/x/{SD}/y</description>"
    found = find(host(tmp_path, vm("web1", OTHERS[form], around=text)))
    assert found.blocking == []
    assert found.notes == []


def test_a_cdrom_is_a_note(tmp_path):
    cdrom = file_disk(
        f"{MNT}/x/{SD}/images/{IMG}/{VOL}", target="sdc", device="cdrom"
    )
    found = find(host(tmp_path, vm("web1", cdrom)))
    assert found.blocking == []
    assert found.notes[0] == "VM web1 has a CD-ROM from it (sdc)"


def test_a_lease(tmp_path):
    lease = (
        f"<lease><lockspace>{SD}</lockspace><key>k</key>"
        f"<target path='/x' offset='3145728'/></lease>"
    )
    found = find(host(tmp_path, vm("web1", lease)))
    assert found.blocking == ["VM web1 (lease)"]


def test_vms_that_are_shut_off_do_not_count(tmp_path):
    # VIR_DOMAIN_SHUTOFF and VIR_DOMAIN_PAUSED, libvirt-domain.h
    off = "<test:runstate>5</test:runstate>"
    paused = "<test:runstate>3</test:runstate>"
    uri = host(
        tmp_path,
        vm("off", DISKS["nfs"], around=off),
        vm("paused", DISKS["nfs"], around=paused),
        vm("running", DISKS["nfs"]),
    )
    assert find(uri).blocking == [
        "VM paused (disk vda)",
        "VM running (disk vda)",
    ]
    assert libvirt.count(uri) == 2


def test_libvirt_is_not_there(tmp_path):
    uri = f"qemu+unix:///system?socket={tmp_path}/no-such-socket"
    found = find(uri)
    assert found.blocking == []
    assert found.notes[0].startswith("not seen: VMs of this host: libvirt: ")
    assert "no-such-socket" in found.notes[0]
    assert libvirt.count(uri) is None


def test_libvirt_is_not_installed(monkeypatch):
    # The child finds what its parent finds.
    path = [
        directory
        for directory in sys.path
        if not os.path.exists(os.path.join(directory, "libvirt.py"))
    ]
    monkeypatch.setattr(sys, "path", path)
    assert find("test:///default").notes[0] == (
        "not seen: VMs of this host: libvirt is not installed"
    )


def test_libvirt_does_not_answer(run_dir):
    path = os.path.join(run_dir, "sock")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
        os.chmod(path, 0o777)
        s.listen()
        start = time.monotonic()
        found = find(f"qemu+unix:///system?socket={path}", timeout=3)
        assert 2 < time.monotonic() - start < SOON
    assert found.notes[0] == (
        "not seen: VMs of this host: libvirt did not answer within 3 seconds"
    )


@needs_other_user
def test_as_the_tool_does_it_when_started_as_root(run_dir):
    """libvirt refuses to load if real and effective user differ."""
    path = os.path.join(run_dir, "node.xml")
    with open(path, "w") as f:
        f.write(f"<node>{vm('web1', DISKS['nfs'])}</node>")
    pid = os.fork()
    if not pid:
        os.setgroups([])
        os.setegid(36)
        os.seteuid(36)
        found = find(f"test://{path}")
        os._exit(found.blocking != ["VM web1 (disk vda)"])
    assert os.waitpid(pid, 0)[1] == 0
