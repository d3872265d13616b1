# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who the hooks run as: user vdsm by VDSM, root by libvirt; and as whom they
read, which is vdsm in both cases.
"""

import os
import shutil
import subprocess

import pytest

from tests.support import configfile, rundir
from tests.support.hooks import hookhost, hookrunner, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.needs import (
    AS_VDSM,
    VDSM,
    needs_fuse,
    needs_other_user,
)
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain, hangfs, loop
from tests.support.storage.backends import BACKENDS
from tests.support.storage.blocktools import needs_block

pytestmark = needs_other_user


# NFS servers squash root: to them it is somebody who may nothing. Here it is
# root without the right to read what is closed to it.
SQUASHED = "setpriv --bounding-set=-dac_override,-dac_read_search --".split()


@pytest.fixture(scope="module")
def directory():
    with loop.own_directory() as path:
        yield path


@pytest.fixture(scope="module")
def shared(directory):
    options = {"user": VDSM[0], "group": VDSM[1]}
    with hookhost.HookHost(directory, **options) as host:
        yield host


@pytest.fixture
def host(shared):
    shared.guard()
    shared.configure(ioprocess=None)
    return shared


@pytest.fixture(scope="module")
def closed(shared):
    """A domain that only vdsm:kvm may enter."""
    domain = shared.file_domain(owner=VDSM)
    os.chmod(domain.directory, 0o700)
    return domain


def flag(domain, value):
    domain.flag(value)
    path = filedomain.path(domain.mount, domain.sd_id)
    os.chown(path, *VDSM)
    os.chmod(path, 0o600)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("point", POINTS)
def test_vdsm_runs_them_as_vdsm(host, closed, point, backend):
    host.configure(ioprocess=backend)
    data = closed.disk().encode()
    if point != "before_disk_hotplug":
        data = vmxml.vm(closed.disk())
    flag(closed, "True")
    assert_refused(host.vdsm(point, data, as_user=AS_VDSM), 994)
    flag(closed, "False")
    assert_allowed(host.vdsm(point, data, as_user=AS_VDSM))


def test_another_user_cannot_read_the_flag(host, closed):
    flag(closed, "False")
    # Nor is what it is told by VDSM, whose file it cannot read.
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --".split()
    data = vmxml.vm(closed.disk())
    assert_refused(host.start(data, as_user=nobody), 996)


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


def test_a_configuration_that_vdsm_cannot_read(host, closed):
    flag(closed, "False")
    os.chmod(host.cli.config, 0o600)
    try:
        data = vmxml.vm(closed.disk())
        assert_refused(host.start(data, as_user=AS_VDSM), 987)
        # It is root that reads it for libvirt.
        assert_allowed(host.libvirt("prepare", data))
    finally:
        os.chmod(host.cli.config, 0o644)


@pytest.fixture
def drop_ins(host):
    os.mkdir(host.cli.drop_ins)
    yield host.cli.drop_ins
    shutil.rmtree(host.cli.drop_ins)


@pytest.mark.parametrize("what", ["directory", "drop-in"])
def test_an_enforcing_drop_in_that_vdsm_cannot_read(
    host, closed, drop_ins, what
):
    """It wins over a permissive file beside it, and is not just lost."""
    flag(closed, "True")
    data = vmxml.vm(closed.disk())
    host.guard(mode="permissive")
    drop_in = os.path.join(drop_ins, "guard.conf")
    configfile.write(drop_in, mode="enforcing")
    paths = {
        "directory": (drop_ins, 0o755, 0o711),
        "drop-in": (drop_in, 0o644, 0o600),
    }
    path, before, mode = paths[what]
    os.chmod(path, mode)
    try:
        outcome = host.start(data, as_user=AS_VDSM)
        assert_refused(outcome, 987)
        assert path in outcome.err
        # It is root that reads it for libvirt.
        assert_refused(host.libvirt("prepare", data), 994)
    finally:
        os.chmod(path, before)


def test_a_drop_in_that_is_a_fifo(host, closed, drop_ins):
    """Nobody waits for who may write into it."""
    flag(closed, "False")
    fifo = os.path.join(drop_ins, "x.conf")
    os.mkfifo(fifo, 0o644)
    data = vmxml.vm(closed.disk())
    outcome = host.start(data, as_user=["timeout", "60", *AS_VDSM])
    assert_refused(outcome, 987)
    assert fifo in outcome.err


# VDSM runs lvm by sudo


SUDO = {
    "passwd": "root:x:0:0::/root:/bin/sh\nvdsm:*:36:36::/:/bin/sh\n",
    "group": "root:x:0:\nkvm:*:36:\n",
    # As VDSM needs it: static/etc/sudoers.d/50_vdsm.in.
    "sudoers": "root ALL=(ALL) ALL\nvdsm ALL=(ALL) NOPASSWD: /usr/sbin/lvm\n",
}


@pytest.fixture(scope="module")
def sudo(directory):
    """Where vdsm is a user, and sudo has rules as on a host of VDSM."""
    with Namespace() as ns:
        for name, text in SUDO.items():
            path = os.path.join(directory, name)
            with open(path, "w") as f:
                f.write(text)
            # sudo wants it so.
            os.chmod(path, 0o440 if name == "sudoers" else 0o644)
            ns.bind(path, f"/etc/{name}")
        yield ns


@needs_block
@needs_namespace
@pytest.mark.skipif(not os.path.exists("/usr/bin/sudo"), reason="no sudo")
@pytest.mark.parametrize("point", POINTS)
def test_a_block_domain_as_vdsm(host, san, sudo, point):
    as_user = sudo.enter(VDSM)
    data = san.disk().encode()
    if point != "before_disk_hotplug":
        data = vmxml.vm(san.disk())
    san.flag("True")
    assert_refused(host.vdsm(point, data, as_user=as_user), 994)
    san.flag("False")
    assert_allowed(host.vdsm(point, data, as_user=as_user))


@needs_block
def test_a_block_domain_without_rules_for_sudo(host, san):
    san.flag("False")
    outcome = host.start(vmxml.vm(san.disk()), as_user=AS_VDSM)
    assert_refused(outcome, 995)
    assert san.sd_id in outcome.err


@needs_block
@pytest.mark.parametrize("operation", ["prepare", "migrate"])
def test_a_block_domain_as_root(host, san, operation):
    """lvm is root again, though all else is vdsm by then."""
    data = vmxml.vm(san.disk())
    san.flag("True")
    assert_refused(host.libvirt(operation, data), 994)
    san.flag(None)
    assert_allowed(host.libvirt(operation, data))


@pytest.fixture(scope="module")
def san(shared):
    return shared.block_domain()


def test_the_runner_becomes_vdsm():
    """What it says of users is so, and the data file is theirs."""
    text = '#!/bin/sh\nid -u; id -G; cat "$_hook_domxml"\n'
    folder = rundir.make("hooks")
    hookrunner.add(folder, "before_vm_start", "10_who", text)
    outcome = hookrunner.vdsm(
        folder, "before_vm_start", b"<xml/>", as_user=AS_VDSM
    )
    rundir.remove(folder)
    assert outcome.out == "36\n36\n<xml/>"


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
