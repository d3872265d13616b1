# SPDX-License-Identifier: GPL-2.0-or-later
"""
What VDSM's hooks read, which it runs as user vdsm: domains, VGs by sudo, and
the configuration.
"""

import os
import shutil

import pytest

from tests.support import configfile, rundir
from tests.support.hooks import hookrunner, vmxml
from tests.support.hooks.closeddomain import flag
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.hookrunner import POINTS
from tests.support.hooks.needs import AS_VDSM, VDSM, needs_other_user
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage.backends import BACKENDS
from tests.support.storage.blocktools import needs_block

pytestmark = needs_other_user


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
