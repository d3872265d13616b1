# SPDX-License-Identifier: GPL-2.0-or-later
"""
Which of the XMLs of one VM is judged: VDSM runs before_vm_start also on a
resume, with an XML that libvirt will not use; libvirt calls its hook twice
for an incoming migration.
"""

import os
import shutil
import time

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.vmxml import VM
from vdsm_backup.guard import incoming

pytest_plugins = ["tests.support.hooks.hookfixtures"]


@pytest.fixture
def saved(host, domain):
    """The XML of a VM that has run, on a flagged domain."""
    domain.flag("True")
    return vmxml.vm(domain.disk(), live=True)


@pytest.fixture
def launched(host):
    path = host.launch()
    yield
    os.unlink(path)


def test_resume_judges_the_xml_of_before_vm_dehibernate(host, domain, saved):
    assert_allowed(host.start(saved, vm_id=VM))
    refused = host.vdsm("before_vm_dehibernate", saved, vm_id=VM)
    assert_refused(refused, 994)
    domain.flag(None)
    assert_allowed(host.vdsm("before_vm_dehibernate", saved, vm_id=VM))


def test_a_wrong_xml_that_is_broken_is_refused(host):
    """Nobody knows then that it is the wrong one."""
    assert_refused(host.start(b"<domain id='7'>"), 996)


def test_real_start_of_a_vm_that_has_an_id(host, saved, launched):
    """Launch flags: libvirt will use this XML."""
    assert_refused(host.start(saved, vm_id=VM), 994)


def test_launch_flags_of_another_vm(host, domain, saved, launched):
    another = VM.replace("a", "b")
    data = vmxml.vm(domain.disk(), live=True, uuid=another)
    assert_allowed(host.start(data, vm_id=another))


def test_start_without_launch_flags(host, domain, saved):
    """The XML has no id: it is of a VM that has not run."""
    assert_refused(host.start(vmxml.vm(domain.disk()), vm_id=VM), 994)


@pytest.mark.parametrize(
    "point",
    [
        "before_vm_dehibernate",
        "before_vm_migrate_destination",
        "before_disk_hotplug",
    ],
)
def test_only_before_vm_start_leaves_a_live_vm_alone(host, saved, point):
    assert_refused(host.vdsm(point, saved, vm_id=VM), 994)


@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_libvirt_leaves_no_live_vm_alone(host, saved, operation):
    """A VM that is restored, or migrates here, has an id."""
    assert_refused(host.libvirt(operation, saved), 994)


# An incoming migration that [guard] lets through


@pytest.fixture
def lifted(host, domain):
    host.guard(allow="migrate-in")
    domain.flag("True")
    yield vmxml.vm(domain.disk(), live=True)
    # As a boot does.
    shutil.rmtree(host.cli.run_dir, ignore_errors=True)


def assert_let_through(outcome):
    assert (outcome.refused, outcome.code, outcome.err) == (False, 0, "")


def marker(host, vm_id=VM):
    return os.path.join(host.cli.run_dir, f"incoming-{vm_id}")


def test_migrate_and_then_prepare_once(host, lifted):
    assert_let_through(host.libvirt("migrate", lifted))
    assert_let_through(host.libvirt("prepare", lifted))
    assert_refused(host.libvirt("prepare", lifted), 994)
    assert os.listdir(host.cli.run_dir) == []


def test_a_start_is_no_migration(host, lifted):
    assert_refused(host.libvirt("prepare", lifted), 994)


def test_of_another_vm(host, domain, lifted):
    assert_let_through(host.libvirt("migrate", lifted))
    another = vmxml.vm(domain.disk(), uuid=VM.replace("a", "b"))
    assert_refused(host.libvirt("prepare", another), 994)
    assert_let_through(host.libvirt("prepare", lifted))


@pytest.mark.parametrize("age", [incoming.MAX_AGE + 5, -3600])
def test_an_old_marker_does_not_count(host, lifted, age):
    assert_let_through(host.libvirt("migrate", lifted))
    then = time.time() - age
    os.utime(marker(host), (then, then))
    assert_refused(host.libvirt("prepare", lifted), 994)
    assert not os.path.exists(marker(host))


def test_a_second_migration_is_new(host, lifted):
    """After one whose start never came."""
    assert_let_through(host.libvirt("migrate", lifted))
    then = time.time() - incoming.MAX_AGE - 5
    os.utime(marker(host), (then, then))
    assert_let_through(host.libvirt("migrate", lifted))
    assert_let_through(host.libvirt("prepare", lifted))


def test_nothing_is_written_through_a_link(host, lifted, tmp_path):
    os.makedirs(host.cli.run_dir, exist_ok=True)
    victim = tmp_path / "victim"
    os.symlink(victim, marker(host))
    outcome = host.libvirt("migrate", lifted)
    # The row is lifted, so also a fault of ours refuses nothing.
    assert_let_through(outcome)
    assert not victim.exists()


def test_nothing_is_left_when_migrate_in_is_not_lifted(host, domain):
    domain.flag("True")
    data = vmxml.vm(domain.disk())
    assert_refused(host.libvirt("migrate", data), 994)
    assert not os.path.exists(host.cli.run_dir)
    assert_refused(host.libvirt("prepare", data), 994)


@pytest.mark.parametrize("uuid", ["", "../../x", "$(id)"])
def test_an_id_that_is_no_uuid_leaves_no_file(host, domain, lifted, uuid):
    data = vmxml.vm(domain.disk(), uuid=uuid)
    assert_let_through(host.libvirt("migrate", data))
    assert os.listdir(host.cli.run_dir) == []
    assert_refused(host.libvirt("prepare", data), 994)
