# SPDX-License-Identifier: GPL-2.0-or-later
"""
A hook for a VM with disks on several block domains: one lvm command, and one
domain that hangs hides no flag of another one.
"""

import os
import shutil

import pytest

from tests.support.hooks import hookhost, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.needs import needs_fuse
from tests.support.host.sysblock import SysBlock
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage.blocktools import needs_block
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup.lvm import command as lvm_command

pytest_plugins = [
    "tests.support.hooks.hookfixtures",
    "tests.support.storage.faultydevice",
]
pytestmark = [needs_block, needs_namespace]

IO_TIMEOUT = 4 * RUNS_OUT
HUNG = "7c1d4f02-33b5-4f6e-8a1c-2b6f7d8e9a01"


class Lvm:
    """Keeps the arguments of each lvm command in a namespace."""

    def __init__(self, directory, ns):
        self._log = os.path.join(directory, "lvm-log")
        # It is called as the command that it is to be, or as "lvm".
        real = os.path.join(directory, "real", "lvm")
        os.mkdir(os.path.dirname(real))
        script = os.path.join(directory, "lvm-logged")
        shutil.copy(lvm_command.LVM, real)
        with open(script, "w") as f:
            f.write(f'#!/bin/sh\necho "$@" >>{self._log}\nexec {real} "$@"\n')
        os.chmod(script, 0o755)
        ns.bind(script, lvm_command.LVM)

    def commands(self):
        """Those since the last call."""
        if not os.path.exists(self._log):
            return []
        with open(self._log) as f:
            found = f.read().splitlines()
        os.unlink(self._log)
        return found


@pytest.fixture(scope="module")
def sysfs(hook_dir):
    return SysBlock(os.path.join(hook_dir, "sys-block"))


@pytest.fixture(scope="module")
def ns(hook_dir, sysfs):
    with Namespace() as ns:
        ns.bind(os.path.join(hook_dir, "sys-block"), "/sys/block")
        yield ns


@pytest.fixture(scope="module")
def guarded_host(hook_dir, ns):
    options = {"io_timeout": IO_TIMEOUT, "settle": 2}
    with hookhost.HookHost(hook_dir, ns.enter(), **options) as made:
        yield made


@pytest.fixture(scope="module")
def lvm(hook_dir, ns):
    return Lvm(hook_dir, ns)


@pytest.fixture(scope="module")
def sans(guarded_host, sysfs):
    """Three of them, with an active LV each; no device is configured."""
    made = [guarded_host.block_domain(name=f"san{i}") for i in range(3)]
    guarded_host.configure(devices="")
    for san in made:
        sysfs.lv(san.sd_id, san.block.devices)
    return made


def vm(sans, *more):
    disks = [san.disk(target=f"vd{chr(97 + i)}") for i, san in enumerate(sans)]
    return vmxml.vm(*disks, *more)


def test_one_command(guarded_host, sans, lvm):
    def only_command():
        lvm.commands()
        assert_allowed(guarded_host.start(vm(sans)))
        found = lvm.commands()
        return found[0] if len(found) == 1 else None

    # On a busy machine it takes longer than others wait for it.
    command = wait_until(only_command)
    assert all(d in command for san in sans for d in san.block.devices)


@pytest.mark.parametrize("index", range(3))
def test_any_of_them_may_be_flagged(guarded_host, sans, index):
    sans[index].flag("True")
    outcome = guarded_host.start(vm(sans))
    assert_refused(outcome, 994)
    assert f" is on backup domain san{index} " in outcome.err
    sans[index].flag(None)
    assert_allowed(guarded_host.start(vm(sans)))


@needs_fuse
def test_a_vg_that_hangs(guarded_host, sans, sysfs, faulty):
    """It refuses those that need it, and no flag is overlooked for it."""
    device = faulty()
    sans[0].block.lvm(
        ["vgcreate", "--devices", device.path, HUNG, device.path]
    )
    sysfs.lv(HUNG, [device.path])
    path = os.path.join(guarded_host.lv_dir, HUNG, vmxml.VOLUME)
    disk = vmxml.disk(path, "block", target="vdx")
    device.hang("read")
    outcome = guarded_host.start(vm(sans, disk))
    assert_refused(outcome, 995)
    assert f"domain {HUNG}, disk vdx: " in outcome.err
    assert_allowed(guarded_host.start(vm(sans)))
    sans[2].flag("True")
    outcome = guarded_host.start(vm(sans, disk))
    assert_refused(outcome, 994)
    assert " is on backup domain san2 " in outcome.err
    sans[2].flag(None)
