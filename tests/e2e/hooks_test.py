# SPDX-License-Identifier: GPL-2.0-or-later
"""The hooks, as user vdsm, where VDSM looks for them, on flagged domains."""

import contextlib

import pytest

from tests.e2e.box.box import together
from tests.e2e.stories import CHECKED, SET, disk
from tests.e2e.vmxml import vm

POINTS = (
    "before_vm_start",
    "before_vm_dehibernate",
    "before_disk_hotplug",
    "before_vm_migrate_destination",
)


# Which host is asked: 0 is host 1. It may make an LV there, so never both at
# the same time.
HOST = {"nfs5": 0, "iscsi4": 1, "shared5": 0, "iscsi5": 0, "iscsi-race": 1}

# Without an active LV on iscsi5, so lvm is asked: what the other host wrote
# is read.
LUNS = ("iscsi4", "shared5", "iscsi5")
BY = ("map", "path")

# Of libvirt's hook.
LIBVIRT = "qemu.d"


@pytest.fixture(scope="module")
def asked(box, flagged, all_domains):
    """
    {(hook, of what, name): Done} of each hook about a volume on the domain,
    and of the first one about its LUN. Both hosts at the same time.
    """

    def ask(number):
        host = box.hosts[number]
        names = [name for name in HOST if HOST[name] == number]
        with contextlib.ExitStack() as stack:
            volumes = {
                name: stack.enter_context(disk(host, all_domains[name]))
                for name in names
                if name in CHECKED
            }
            for name, path in volumes.items():
                for point in POINTS:
                    done = host.hook(point, vm(path)).wait()
                    yield (point, "volume", name), done
                yield (LIBVIRT, "volume", name), _by_libvirt(host, path)
            for name in names:
                for by in BY if all_domains[name].block else ():
                    lun = _lun(host, all_domains[name], by)
                    done = host.hook(POINTS[0], vm(lun)).wait()
                    yield (POINTS[0], by, name), done

    return dict(sum(together(lambda n: list(ask(n)), (0, 1)), []))


def _by_libvirt(host, path):
    hook = "/etc/libvirt/hooks/qemu.d/99_vdsm_backup"
    command = [hook, "web1", "prepare", "begin", "-"]
    return host.run(command, input=vm(path), check=False)


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("point", POINTS)
def test_refused(asked, all_domains, name, point):
    done = asked[point, "volume", name]
    setter = "host1" if all_domains[name].version == 4 else "host2"
    assert done.rc == 2
    assert f"is on backup domain {name} (set by root@{setter}" in done.err
    assert f"{SET}) (error 994)" in done.err
    assert done.err.startswith("VM web1 cannot ")
    assert done.err.isascii() and len(done.err) <= 200
    assert "\n" not in done.err


@pytest.mark.parametrize("name", CHECKED)
def test_refused_by_libvirts_hook(asked, name):
    done = asked[LIBVIRT, "volume", name]
    assert done.rc != 0
    assert f"is on backup domain {name}" in done.err
    # libvirt would take it for an XML.
    assert done.out == ""


@pytest.mark.parametrize("name", LUNS)
@pytest.mark.parametrize("by", BY)
def test_the_lun_of_a_domain(asked, name, by):
    """By sysfs where an LV is active on it, else by lvm."""
    done = asked[POINTS[0], by, name]
    assert done.rc == 2
    assert f": disk vda is on backup domain {name} (" in done.err


@pytest.mark.parametrize("by", BY)
def test_the_lun_of_a_domain_that_is_not_flagged(asked, by):
    done = asked[POINTS[0], by, "iscsi-race"]
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
