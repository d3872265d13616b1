# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks, as user vdsm, where VDSM looks for them."""

import contextlib

import pytest

from tests.e2e import domains
from tests.e2e.box.box import together
from tests.e2e.vmxml import vm

POINTS = (
    "before_vm_start",
    "before_vm_dehibernate",
    "before_disk_hotplug",
    "before_vm_migrate_destination",
)
IMAGE = "5889c9c1-2f8f-5f4b-9266-e9503c717849"
VOLUME = "c01c243c-145d-5c4a-95d5-5d36247d001c"


@contextlib.contextmanager
def disk(host, domain):
    """Path of a volume that is there, on a block domain an active LV."""
    if not domain.block:
        images = f"{domain.place}/{domain.sd_id}/images"
        host.run(
            f"mkdir -p {images}/{IMAGE}; truncate -s 1M"
            f" {images}/{IMAGE}/{VOLUME}",
            user="vdsm",
        )
        yield f"{images}/{IMAGE}/{VOLUME}"
        return
    limit = f"-qq --devices /dev/mapper/{domain.place}"
    name = f"{domain.sd_id}/{VOLUME}"
    host.run(
        f"lvm lvs {limit} {name} || lvm lvcreate {limit} -an -Wn -Zn -L 128m"
        f" -n {VOLUME} {domain.sd_id}; lvm lvchange {limit} -ay {name}"
    )
    try:
        yield f"/dev/{name}"
    finally:
        host.run(f"lvm lvchange {limit} -an {name}")


FLAGGED = ("nfs5", "iscsi4", "shared5")


@pytest.fixture(scope="module")
def all_flagged(box, all_domains):
    """{name: (a flagged domain, a disk on it)}"""
    host = box.hosts[0]

    def change(action):
        why = ("--reason", "copies of A")
        together(lambda name: host.tool(action, name, *why, check=0), FLAGGED)

    change("set")
    with contextlib.ExitStack() as stack:
        stack.callback(change, "clear")
        yield {
            name: (
                all_domains[name],
                stack.enter_context(disk(host, all_domains[name])),
            )
            for name in FLAGGED
        }


@pytest.fixture(params=FLAGGED)
def flagged(request, all_flagged):
    return all_flagged[request.param]


@pytest.mark.parametrize("point", POINTS)
def test_refused(host1, flagged, point):
    domain, path = flagged
    done = host1.hook(point, vm(path)).wait()
    assert done.rc == 2
    assert f"is on backup domain {domain.name} (set by root@host1" in done.err
    assert "copies of A) (error 994)" in done.err
    assert done.err.startswith("VM web1 cannot ")
    assert done.err.isascii() and len(done.err) <= 200
    assert "\n" not in done.err


def test_refused_by_libvirts_hook(host1, flagged):
    domain, path = flagged
    done = host1.run(
        ["/etc/libvirt/hooks/qemu.d/99_vdsm_backup"]
        + ["web1", "prepare", "begin", "-"],
        input=vm(path),
        check=False,
    )
    assert done.rc != 0
    assert f"is on backup domain {domain.name}" in done.err
    # libvirt would take it for an XML.
    assert done.out == ""


@pytest.mark.parametrize("name", ["nfs4", "iscsi5", "shared4"])
def test_allowed(host1, all_domains, name):
    with disk(host1, all_domains[name]) as path:
        for point in ("before_vm_start", "before_vm_migrate_destination"):
            done = host1.hook(point, vm(path)).wait()
            assert (done.rc, done.err) == (0, "")


@pytest.fixture(scope="module")
def hang(box):
    """A domain on a LUN that can hang."""
    wwid = domains.ISCSI[2]
    return domains.make_block(box.hosts[0], "hang", "iscsi", 5, wwid)


def test_hung_nfs_server(box, host1, slow, all_domains):
    """The hook answers, and other domains are not touched by it."""
    with disk(host1, slow) as path, disk(host1, all_domains["nfs4"]) as other:
        with disk(host1, all_domains["iscsi5"]) as lv:
            assert host1.hook("before_vm_start", vm(path)).wait().rc == 0
            with box.storage.hang("slow", cached=False):
                stuck = host1.hook("before_vm_start", vm(path))
                allowed = host1.hook("before_vm_start", vm(other, lv)).wait()
                refused = stuck.wait()
            again = host1.hook("before_vm_start", vm(path)).wait()
    assert (allowed.rc, allowed.err) == (0, "")
    assert refused.rc == 2
    assert "not because it is flagged" in refused.err
    assert (again.rc, again.err) == (0, "")


def test_hung_lun(box, host1, hang, all_domains):
    with disk(host1, hang) as path, disk(host1, all_domains["nfs4"]) as other:
        with disk(host1, all_domains["iscsi5"]) as lv:
            assert host1.hook("before_vm_start", vm(path)).wait().rc == 0
            with box.storage.hang("hang", cached=False):
                stuck = host1.hook("before_vm_start", vm(path))
                allowed = host1.hook("before_vm_start", vm(other, lv)).wait()
                refused = stuck.wait()
            # Its paths come back one by one.
            host1.run(
                "until dd if=/dev/mapper/" + hang.place + " of=/dev/null"
                " bs=4096 count=1 iflag=direct; do sleep 1; done"
            )
            again = host1.hook("before_vm_start", vm(path)).wait()
    assert (allowed.rc, allowed.err) == (0, "")
    assert refused.rc == 2
    assert "not because it is flagged" in refused.err
    assert (again.rc, again.err) == (0, "")
