# SPDX-License-Identifier: GPL-2.0-or-later
"""
What libvirt's hook reads, which libvirt runs as root: what root may not read
it reads as vdsm, and what is closed to vdsm as root.
"""

import os
import shutil
import subprocess

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.closeddomain import flag
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.needs import (
    AS_VDSM,
    VDSM,
    needs_fuse,
    needs_other_user,
)
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import hangfs
from tests.support.storage.backends import BACKENDS
from tests.support.storage.blocktools import needs_block

pytestmark = needs_other_user

# NFS servers squash root: to them it is somebody who may nothing. Here it is
# root without the right to read what is closed to it.
SQUASHED = "setpriv --bounding-set=-dac_override,-dac_read_search --".split()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_libvirt_runs_it_as_root_that_may_not_read(
    host, closed, operation, backend
):
    host.configure(ioprocess=backend)
    flag(closed, "True")
    done = subprocess.run(
        [*SQUASHED, "cat", closed.metadata], capture_output=True, text=True
    )
    assert "Permission denied" in done.stderr
    data = vmxml.vm(closed.disk())
    assert_refused(host.libvirt(operation, data, as_user=SQUASHED), 994)
    flag(closed, "False")
    assert_allowed(host.libvirt(operation, data, as_user=SQUASHED))


@needs_block
@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_a_block_domain_as_root(host, san, operation):
    """lvm is root again, though all else is vdsm by then."""
    data = vmxml.vm(san.disk())
    san.flag("True")
    assert_refused(host.libvirt(operation, data), 994)
    san.flag(None)
    assert_allowed(host.libvirt(operation, data))


def test_a_link_that_only_root_can_follow(host, closed, directory):
    """libvirt and its qemu can; where it leads, vdsm reads the flag."""
    private = os.path.join(directory, "private")
    os.mkdir(private, 0o700)
    os.symlink(closed.path, os.path.join(private, "disk.img"))
    data = vmxml.vm(vmxml.disk(os.path.join(private, "disk.img")))
    flag(closed, "True")
    assert_refused(host.libvirt("prepare", data), 994)
    flag(closed, "False")
    assert_allowed(host.libvirt("prepare", data))


# Directories that are closed to vdsm


@pytest.fixture
def private(directory):
    """Only root may enter it."""
    path = os.path.join(directory, "only-root")
    os.mkdir(path, 0o700)
    yield path
    shutil.rmtree(path)


def below(host, *names, owner=VDSM):
    """A domain that is mounted, or copied, somewhere else."""
    mount = os.path.join(*names)
    os.makedirs(mount, exist_ok=True)
    return host.file_domain(mount=mount, owner=owner)


def assert_judged(host, domain, as_user=()):
    data = vmxml.vm(vmxml.disk(domain.path))
    for operation in ("prepare", "start", "migrate"):
        outcome = host.libvirt(operation, data, as_user=as_user)
        assert_refused(outcome, 994)
    domain.flag("False")
    assert_allowed(host.libvirt("prepare", data, as_user=as_user))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_domain_below_a_directory_that_is_closed(host, private, backend):
    host.configure(ioprocess=backend)
    domain = below(host, private, "mount")
    domain.flag("True")
    # To VDSM, which cannot use it, it is none.
    data = vmxml.vm(vmxml.disk(domain.path))
    assert_allowed(host.start(data, as_user=AS_VDSM))
    assert_judged(host, domain)


def test_a_domain_that_is_closed_itself(host, private):
    """A copy that root has made, say."""
    domain = below(host, os.path.dirname(private), "copies", owner=(0, 0))
    domain.flag("True")
    dom_md = os.path.dirname(domain.metadata)
    os.chmod(domain.directory, 0o700)
    os.chmod(dom_md, 0o700)
    os.chmod(domain.metadata, 0o600)
    assert_judged(host, domain)


def test_root_and_vdsm_each_may_enter_a_part_of_the_way(host, private):
    """As where an export that squashes root is mounted."""
    export = os.path.join(private, "export")
    domain = below(host, export)
    domain.flag("True")
    os.chown(export, *VDSM)
    os.chmod(export, 0o700)
    path = domain.metadata
    for user in (SQUASHED, AS_VDSM):
        done = subprocess.run([*user, "cat", path], capture_output=True)
        assert b"Permission denied" in done.stderr
    assert_judged(host, domain, SQUASHED)


def test_neither_root_nor_vdsm_may_enter(host, private):
    """Nobody knows what is there."""
    export = os.path.join(private, "export")
    domain = below(host, export)
    domain.flag("False")
    os.chown(export, 12345, 12345)
    os.chmod(export, 0o700)
    data = vmxml.vm(vmxml.disk(domain.path))
    outcome = host.libvirt("prepare", data, as_user=SQUASHED)
    assert_refused(outcome, 995)
    assert "Permission denied (error 995: 961)" in outcome.err


def test_what_is_closed_and_no_domain(host, private):
    path = os.path.join(private, vmxml.POOL, "images", "x", "disk.img")
    os.makedirs(os.path.dirname(path))
    data = vmxml.vm(vmxml.disk(path))
    assert_allowed(host.libvirt("prepare", data))
    assert_allowed(host.libvirt("prepare", data, as_user=SQUASHED))


@needs_fuse
@needs_namespace
def test_a_link_on_a_mount_below_a_directory_that_is_closed(
    host, closed, private
):
    """It is followed in a child, where it is as closed to vdsm."""
    flag(closed, "True")
    mount = os.path.join(private, "mount")
    os.mkdir(mount)
    with hangfs.Hangfs() as fs, Namespace() as ns:
        os.symlink(closed.path, os.path.join(fs.root, "disk.img"))
        ns.bind(fs.mount, mount)
        data = vmxml.vm(vmxml.disk(os.path.join(mount, "disk.img")))
        outcome = host.libvirt("prepare", data, as_user=ns.enter())
    assert_refused(outcome, 994)
