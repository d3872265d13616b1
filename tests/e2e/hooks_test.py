# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks, as user vdsm, where VDSM looks for them, on flagged domains."""

import contextlib

import pytest

from tests.e2e.stories import CHECKED, SET, disk
from tests.e2e.vmxml import vm

POINTS = (
    "before_vm_start",
    "before_vm_dehibernate",
    "before_disk_hotplug",
    "before_vm_migrate_destination",
)


@pytest.fixture(scope="module")
def disks(box, flagged, all_domains):
    """{name: (domain, path of a volume)}"""
    with contextlib.ExitStack() as stack:
        yield {
            name: (
                all_domains[name],
                stack.enter_context(disk(box.hosts[0], all_domains[name])),
            )
            for name in CHECKED
        }


@pytest.fixture(params=CHECKED)
def one(request, disks):
    return disks[request.param]


@pytest.mark.parametrize("point", POINTS)
def test_refused(host1, one, point):
    domain, path = one
    done = host1.hook(point, vm(path)).wait()
    setter = "host1" if domain.version == 4 else "host2"
    assert done.rc == 2
    assert f"is on backup domain {domain.name} (set by root@{setter}" in (
        done.err
    )
    assert f"{SET}) (error 994)" in done.err
    assert done.err.startswith("VM web1 cannot ")
    assert done.err.isascii() and len(done.err) <= 200
    assert "\n" not in done.err


def test_refused_by_libvirts_hook(host1, one):
    domain, path = one
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


@pytest.mark.parametrize("name", ["iscsi4", "shared5", "iscsi5"])
@pytest.mark.parametrize("by", ["map", "path"])
def test_the_lun_of_a_domain(host1, disks, all_domains, name, by):
    """By sysfs where an LV is active on it, else by lvm."""
    domain = all_domains[name]
    done = host1.hook("before_vm_start", vm(_lun(host1, domain, by))).wait()
    assert done.rc == 2
    assert f": disk vda is on backup domain {domain.name} (" in done.err


@pytest.mark.parametrize("by", ["map", "path"])
def test_the_lun_of_a_domain_that_is_not_flagged(host1, all_domains, by):
    lun = _lun(host1, all_domains["iscsi-race"], by)
    done = host1.hook("before_vm_start", vm(lun)).wait()
    assert (done.rc, done.err) == (0, "")


def _lun(host, domain, by):
    """The map of a LUN, or one of the paths to it."""
    mapped = f"/dev/mapper/{domain.place}"
    if by == "map":
        return mapped
    slaves = f"/sys/block/$(basename $(readlink -f {mapped}))/slaves"
    name = host.run(f"ls {slaves} | head -1").out.strip()
    assert name.startswith("sd")
    return f"/dev/{name}"
