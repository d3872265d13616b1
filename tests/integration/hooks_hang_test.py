# SPDX-License-Identifier: GPL-2.0-or-later
"""Storage that hangs or fails under a VM, and a hook that answers in time."""

import errno
import os
import subprocess
import time

import pytest

from tests.support import rundir
from tests.support.hooks import hookhost, hookrunner, vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.needs import needs_fuse
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.processes.opens import CLOSED, watched
from tests.support.processes.proc import find, running
from tests.support.storage import hangfs
from tests.support.storage.backends import BACKENDS
from tests.support.storage.blocktools import needs_block
from tests.support.waiting import RUNS_OUT, wait_until
from vdsm_backup.processes import companion

pytest_plugins = ["tests.support.hooks.hookfixtures"]
pytestmark = [needs_fuse, needs_namespace]

# Also for a hook without a fault, on a machine that is busy.
IO_TIMEOUT = RUNS_OUT
OPS = ("getattr", "readdir", "open", "read", "readlink", "statfs")
# What a hook may take in all: one timeout, not one a disk or domain.
BUDGET = 8 * IO_TIMEOUT


@pytest.fixture(scope="module")
def fs():
    with hangfs.Hangfs() as fs:
        yield fs


@pytest.fixture(scope="module", params=BACKENDS)
def slow(request, fs):
    """A host one of whose mounts hangs when a test wants it."""
    directory = rundir.make("hooks")
    options = {"io_timeout": IO_TIMEOUT, "ioprocess": request.param}
    with (
        hookhost.HookHost(directory, **options) as guarded_host,
        Namespace() as ns,
    ):
        mount(guarded_host, fs, ns)
        yield guarded_host
    rundir.remove(directory)


def mount(guarded_host, fs, ns):
    """Where VDSM mounts; outside of the namespace it is the root."""
    path = os.path.join(guarded_host.cli.repo, "mnt", "server:_hung")
    os.symlink(fs.root, path)
    guarded_host.hung = guarded_host.file_domain(mount=path, name="hung")
    os.unlink(path)
    os.mkdir(path)
    guarded_host.hung.mount = fs.root
    ns.bind(fs.mount, path)
    guarded_host.as_user = ns.enter()


@pytest.fixture(scope="module")
def hung(slow):
    """On the mount that may hang; its links are local."""
    return slow.hung


@pytest.fixture(scope="module")
def good(slow):
    return slow.file_domain(name="good")


@pytest.fixture(scope="module")
def bad(slow):
    domain = slow.file_domain(name="bad")
    domain.flag("True")
    return domain


@pytest.fixture(autouse=True)
def clear(fs):
    yield
    fs.clear()
    wait_until(lambda: not any(map(fs.stuck, OPS)))


def in_time(guarded_host, *devices, ask=None):
    """The outcome, when all that had the hook's files has closed them."""
    started = time.monotonic()
    outcome = (ask or guarded_host.start)(vmxml.vm(*devices))
    assert time.monotonic() - started < BUDGET
    return outcome


def twenty_disks(*domains):
    return [
        domains[i % len(domains)].disk(target=f"vd{chr(97 + i)}")
        for i in range(20)
    ]


@pytest.mark.parametrize("op", ["getattr", "read"])
def test_one_of_three_domains_hangs(slow, fs, hung, good, bad, op):
    hung.flag(None)
    fs.hang(op)
    outcome = in_time(slow, *twenty_disks(hung, good, bad))
    assert_refused(outcome, 994)
    assert "disks vdc, vdf" in outcome.err
    assert f"backup domain {bad.name} " in outcome.err
    assert outcome.err.count(", 1 more domain refused too (error") == 1


@pytest.mark.parametrize("op", ["readdir", "open"])
def test_the_one_that_hangs_is_named(slow, fs, hung, good, op):
    hung.flag(None)
    fs.hang(op)
    outcome = in_time(slow, *twenty_disks(good, hung, good))
    assert_refused(outcome, 995)
    assert f"the flag of domain {hung.sd_id}, " in outcome.err
    assert "disks vdb, vde" in outcome.err
    assert "not because it is flagged" in outcome.err
    fs.clear()
    assert_allowed(in_time(slow, *twenty_disks(good, hung, good)))


def test_a_disk_that_is_plugged_in(slow, fs, hung):
    hung.flag(None)
    fs.hang("read")

    def ask(data):
        return slow.vdsm("before_disk_hotplug", hung.disk().encode())

    assert_refused(in_time(slow, ask=ask), 995)


def test_link_that_lies_on_a_mount_that_hangs(slow, fs, hung, bad):
    """Where it leads cannot be told without that mount."""
    link = os.path.join(fs.root, "link")
    os.symlink(bad.path, link)
    disk = vmxml.disk(os.path.join(os.path.dirname(hung.directory), "link"))
    try:
        outcome = in_time(slow, disk)
        assert_refused(outcome, 994)
        assert bad.name in outcome.err
        fs.hang("getattr")
        fs.hang("readlink")
        outcome = in_time(slow, disk)
        assert_refused(outcome, 995)
        assert "disk vda" in outcome.err
    finally:
        fs.clear()
        os.unlink(link)


def test_a_mount_that_the_vm_does_not_use(slow, fs, hung, good, bad):
    for op in OPS:
        fs.hang(op)
    assert_allowed(in_time(slow, good.disk(), good.disk("pool")))
    assert_allowed(in_time(slow, vmxml.lease(good.sd_id)))
    assert_refused(in_time(slow, bad.disk()), 994)


def test_removable_media_on_a_mount_that_hangs(slow, fs, hung):
    for op in OPS:
        fs.hang(op)
    assert_allowed(in_time(slow, hung.disk(device="cdrom")))


@pytest.mark.parametrize("op", ["readdir", "open", "read"])
def test_an_error_of_the_storage(slow, fs, hung, good, op):
    hung.flag(None)
    fs.fail(op, errno.EIO)
    outcome = in_time(slow, hung.disk(), good.disk(target="vdb"))
    assert_refused(outcome, 995)
    assert "disk vda" in outcome.err
    assert hung.sd_id in outcome.err


def test_unreadable_that_is_allowed(slow, fs, hung):
    slow.guard(on_unreadable="allow")
    try:
        hung.flag(None)
        fs.hang("read")
        outcome = in_time(slow, hung.disk())
        assert (outcome.refused, outcome.code, outcome.err) == (False, 0, "")
    finally:
        slow.guard()


def test_a_child_in_the_kernel_keeps_nobody(slow, fs, hung):
    """
    The hook ends, and its files are closed, while its child is still stuck
    in a read; the child ends with the storage's answer.
    """
    hung.flag(None)
    fs.hang("read")
    script = os.path.join(slow.hooks, "qemu.d", hookrunner.NAME)
    hook = subprocess.Popen(
        [*slow.as_user, script, "web1", "prepare", "begin", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    hook.stdin.write(vmxml.vm(hung.disk()))
    hook.stdin.close()
    fs.wait_stuck("read")
    workers = find(hook.pid, companion.NAME, "ioprocess")
    assert workers
    # To their end, which comes when nobody has them any more.
    assert b"(error 995: 962)" in hook.stderr.read()
    assert hook.stdout.read() == b""
    assert hook.wait(BUDGET) == 2
    hook.stdout.close()
    hook.stderr.close()
    assert any(map(running, workers))
    assert fs.stuck("read")
    fs.clear()
    wait_until(lambda: not any(map(running, workers)))


def test_a_flag_that_is_set_while_another_domain_hangs(slow, fs, hung, good):
    """What was read before is read again."""
    hung.flag(None)
    fs.hang("read")
    data = vmxml.vm(good.disk(), hung.disk(target="vdb"))
    script = os.path.join(slow.hooks, "qemu.d", hookrunner.NAME)
    with watched(good.metadata, CLOSED) as read:
        hook = subprocess.Popen(
            [*slow.as_user, script, "web1", "prepare", "begin", "-"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        hook.stdin.write(data)
        hook.stdin.close()
        fs.wait_stuck("read")
        wait_until(read)
    good.flag("True")
    fs.clear()
    try:
        with hook.stderr as f:
            assert b" is on backup domain good " in f.read()
        assert hook.wait(BUDGET) == 2
    finally:
        good.flag(None)


@needs_block
def test_a_mount_that_hangs_and_a_block_domain(hook_dir, fs):
    options = {"io_timeout": IO_TIMEOUT}
    with (
        hookhost.HookHost(hook_dir, **options) as guarded_host,
        Namespace() as ns,
    ):
        mount(guarded_host, fs, ns)
        san = guarded_host.block_domain()
        fs.hang("read")
        disks = [guarded_host.hung.disk(), san.disk(target="vdb")]
        san.flag("True")
        outcome = in_time(guarded_host, *disks)
        assert_refused(outcome, 994)
        assert "disk vdb is on" in outcome.err
        san.flag(None)
        outcome = in_time(guarded_host, *disks)
        assert_refused(outcome, 995)
        assert guarded_host.hung.sd_id in outcome.err
        assert_allowed(in_time(guarded_host, san.disk()))
