# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which of the XMLs of one VM is judged: VDSM runs before_vm_start also on a
resume, with an XML that libvirt will not use; libvirt calls its hook twice
for an incoming migration.
"""

import os

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.vmxml import VM

pytest_plugins = ["tests.support.hooks.hookfixtures"]


@pytest.fixture
def saved(guarded_host, domain):
    """The XML of a VM that has run, on a flagged domain."""
    domain.flag("True")
    return vmxml.vm(domain.disk(), live=True)


@pytest.fixture
def launched(guarded_host):
    path = guarded_host.launch()
    yield
    os.unlink(path)


def test_resume_judges_the_xml_of_before_vm_dehibernate(
    guarded_host, domain, saved
):
    assert_allowed(guarded_host.start(saved, vm_id=VM))
    refused = guarded_host.vdsm("before_vm_dehibernate", saved, vm_id=VM)
    assert_refused(refused, 994)
    domain.flag(None)
    assert_allowed(guarded_host.vdsm("before_vm_dehibernate", saved, vm_id=VM))


def test_a_wrong_xml_that_is_broken_is_refused(guarded_host):
    """Nobody knows then that it is the wrong one."""
    assert_refused(guarded_host.start(b"<domain id='7'>"), 996)


def test_real_start_of_a_vm_that_has_an_id(guarded_host, saved, launched):
    """Launch flags: libvirt will use this XML."""
    assert_refused(guarded_host.start(saved, vm_id=VM), 994)


def test_launch_flags_of_another_vm(guarded_host, domain, saved, launched):
    another = VM.replace("a", "b")
    data = vmxml.vm(domain.disk(), live=True, uuid=another)
    assert_allowed(guarded_host.start(data, vm_id=another))


def test_start_without_launch_flags(guarded_host, domain, saved):
    """The XML has no id: it is of a VM that has not run."""
    assert_refused(guarded_host.start(vmxml.vm(domain.disk()), vm_id=VM), 994)


@pytest.mark.parametrize(
    "point",
    [
        "before_vm_dehibernate",
        "before_vm_migrate_destination",
        "before_disk_hotplug",
    ],
)
def test_only_before_vm_start_leaves_a_live_vm_alone(
    guarded_host, saved, point
):
    assert_refused(guarded_host.vdsm(point, saved, vm_id=VM), 994)


@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_libvirt_leaves_no_live_vm_alone(guarded_host, saved, operation):
    """A VM that is restored, or migrates here, has an id."""
    assert_refused(guarded_host.libvirt(operation, saved), 994)


def test_libvirt_asks_twice_for_a_migration(guarded_host, domain, saved):
    """Both calls are refused, and nothing is kept from one to the other."""
    assert_refused(guarded_host.libvirt("migrate", saved), 994)
    assert_refused(guarded_host.libvirt("prepare", saved), 994)
    assert not os.path.exists(guarded_host.cli.run_dir)
    domain.flag(None)
    assert_allowed(guarded_host.libvirt("migrate", saved))
    assert_allowed(guarded_host.libvirt("prepare", saved))
    assert not os.path.exists(guarded_host.cli.run_dir)
