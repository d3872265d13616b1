# SPDX-License-Identifier: GPL-2.0-or-later
"""
Block domains whose LVs are active: the hooks read them from the devices under
those LVs. This machine may have no device-mapper, so the hooks see another
/sys/block, laid out as the kernel does it.
"""

import os

import pytest

from tests.support.hooks import hookhost, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.host.sysblock import SysBlock
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage.blocktools import needs_block

pytest_plugins = ["tests.support.hooks.hookfixtures"]
pytestmark = [needs_block, needs_namespace]


@pytest.fixture(scope="module")
def ns(hook_dir):
    os.mkdir(os.path.join(hook_dir, "sys-block"))
    with Namespace() as ns:
        ns.bind(os.path.join(hook_dir, "sys-block"), "/sys/block")
        yield ns


@pytest.fixture
def sysfs(hook_dir, ns):
    made = SysBlock(os.path.join(hook_dir, "sys-block"))
    made.clear()
    return made


@pytest.fixture(scope="module")
def guarded_host(hook_dir, ns):
    """No device is configured, and there is no multipath device."""
    with hookhost.HookHost(hook_dir, as_user=ns.enter()) as guarded_host:
        guarded_host.block_domain()
        yield guarded_host


@pytest.fixture(scope="module")
def san(guarded_host):
    made = guarded_host.block_domain(name="with LVs")
    guarded_host.configure(devices="")
    return made


@pytest.fixture
def configured(guarded_host):
    def configure(devices):
        guarded_host.configure(devices=", ".join(devices))

    yield configure
    configure([])


@pytest.mark.parametrize("name", ["device", "blockSD", "pool", "run"])
def test_the_devices_under_active_lvs(guarded_host, san, sysfs, name):
    data = vmxml.vm(san.disk(name))
    san.flag("True")
    assert_refused(guarded_host.start(data), 995)
    sysfs.lv(san.sd_id, san.block.devices)
    assert_refused(guarded_host.start(data), 994)
    san.flag("False")
    assert_allowed(guarded_host.start(data))


def test_a_lease_of_a_domain_without_links(guarded_host, san, sysfs):
    """Only sysfs knows of what kind it is."""
    link = os.path.join(guarded_host.cli.repo, vmxml.POOL, san.sd_id)
    os.rename(link, link + ".kept")
    try:
        sysfs.lv(san.sd_id, san.block.devices, "xleases")
        san.flag("True")
        assert_refused(
            guarded_host.start(vmxml.vm(vmxml.lease(san.sd_id))), 994
        )
        san.flag(None)
        assert_allowed(guarded_host.start(vmxml.vm(vmxml.lease(san.sd_id))))
    finally:
        os.rename(link + ".kept", link)


def test_a_link_to_the_device_on_a_mount_that_could_hang(
    guarded_host, san, sysfs, ns
):
    """A child process follows it, which knows the mapper's name, too."""
    number = sysfs.lv(san.sd_id, san.block.devices)
    share, mounted = (
        os.path.join(guarded_host.dir, name) for name in ("a", "b")
    )
    for path in (share, mounted):
        os.mkdir(path)
    os.symlink(f"/dev/{number}", os.path.join(share, "link"))
    ns.bind(share, mounted)
    disk = vmxml.disk(os.path.join(mounted, "link"))
    san.flag("True")
    assert_refused(guarded_host.start(vmxml.vm(disk)), 994)
    san.flag("False")
    assert_allowed(guarded_host.start(vmxml.vm(disk)))


def test_of_lvs_over_lvs(guarded_host, san, sysfs):
    """An image with a snapshot of device-mapper under it."""
    below = sysfs.lv(san.sd_id, san.block.devices, "below")
    sysfs.lv(san.sd_id, [below])
    san.flag("True")
    assert_refused(guarded_host.start(vmxml.vm(san.disk())), 994)


def test_a_map_that_only_has_such_a_name(guarded_host, san, sysfs):
    """It is no LV: multipathd lets users name their maps."""
    name = f"{san.sd_id.replace('-', '--')}-x"
    sysfs.add(name, "mpath-36001405aa", san.block.devices)
    san.flag("False")
    assert_refused(guarded_host.start(vmxml.vm(san.disk())), 995)


def test_the_pv_with_the_metadata_is_under_none(
    guarded_host, san, sysfs, configured
):
    """Then the devices of the configuration have it."""
    first, second = san.block.devices
    sysfs.lv(san.sd_id, [second])
    for value, check in (("True", refused), ("False", assert_allowed)):
        san.flag(value)
        configured([first, second])
        check(guarded_host.start(vmxml.vm(san.disk())))


def refused(outcome):
    assert_refused(outcome, 994)


def test_a_replica_beside_its_origin(guarded_host, san, sysfs, configured):
    """What counts is what the VM would run from."""
    san.flag("False")
    copies = [san.block.copy_device(i) for i in (0, 1)]
    san.flag("True")
    data = vmxml.vm(san.disk())
    configured([*san.block.devices, *copies])
    # No LV is active: nobody knows which of the two.
    assert_refused(guarded_host.start(data), 995)
    sysfs.lv(san.sd_id, san.block.devices)
    assert_refused(guarded_host.start(data), 994)
    sysfs.clear()
    sysfs.lv(san.sd_id, copies)
    assert_allowed(guarded_host.start(data))
