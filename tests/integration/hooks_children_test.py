# SPDX-License-Identifier: GPL-2.0-or-later
"""
The children of a hook that reads file domains and follows links on a mount
that hangs: forks of it, and as few as can be.
"""

import contextlib
import os
import subprocess

import pytest

from tests.support import rundir
from tests.support.hooks import hookhost, hookrunner, vmxml
from tests.support.hooks.needs import (
    AS_VDSM,
    VDSM,
    needs_fuse,
    needs_other_user,
)
from tests.support.processes import proc
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import hangfs
from tests.support.waiting import wait_until
from vdsm_backup.processes import companion

pytestmark = [needs_fuse, needs_namespace, needs_other_user]

NONE = "0" * 16


@pytest.fixture(scope="module")
def fs():
    with hangfs.Hangfs() as fs:
        yield fs


@pytest.fixture(scope="module")
def host(fs):
    """Whose mounts may hang; it reads as vdsm."""
    directory = rundir.make("hooks")
    options = {"user": VDSM[0], "group": VDSM[1], "ioprocess": "embedded"}
    with (
        hookhost.HookHost(directory, **options) as guarded_host,
        Namespace() as ns,
    ):
        made = []
        for name in ("hung", "good"):
            path = guarded_host.cli.add_mount(f"server:_{name}")
            made.append(guarded_host.file_domain(mount=path, name=name))
            ns.bind(path, path)
        guarded_host.hung, guarded_host.good = made
        # The same domain, on a mount that hangs when a test wants it.
        path = guarded_host.hung.mount
        subprocess.run(["cp", "-a", f"{path}/.", fs.root], check=True)
        ns.bind(fs.mount, path)
        guarded_host.as_user = ns.enter()
        yield guarded_host
    rundir.remove(directory)


@contextlib.contextmanager
def hook(host, caller, fs):
    """One that waits for the mount that hangs."""
    data = vmxml.vm(host.hung.disk(), host.good.disk(target="vdb"))
    xml = os.path.join(host.dir, "domxml")
    with open(xml, "wb") as f:
        f.write(data)
    point, user, args = "before_vm_start", AS_VDSM, []
    if caller == "libvirt":
        point, user, args = "qemu.d", [], ["web1", "prepare", "begin", "-"]
    script = os.path.join(host.hooks, point, hookrunner.NAME)
    fs.hang("read")
    with (
        open(xml, "rb") as stdin,
        subprocess.Popen(
            [*host.as_user, *user, script, *args],
            stdin=stdin,
            stderr=subprocess.PIPE,
            env={**os.environ, "_hook_domxml": xml},
        ) as process,
    ):
        fs.wait_stuck("read")
        yield process
        fs.clear()


def companions(process, count):
    """All children, once they are so many and have their name."""
    found = proc.children(process.pid)
    names = [proc.name(pid) for pid in found]
    return names == [companion.NAME] * count and found


@pytest.mark.parametrize(
    "caller, users", [("vdsm", [36]), ("libvirt", [0, 36])]
)
def test_one_child_for_each_user(host, fs, caller, users):
    with hook(host, caller, fs) as process:
        # One of them has come so far, others get their names only now.
        children = wait_until(lambda: companions(process, len(users)))
        statuses = [proc.status(pid) for pid in children]
        fs.clear()
        # The VM is allowed in the end.
        assert process.stderr.read() == b""
        assert process.wait() == 0
    uids = [status["Uid"].split() for status in statuses]
    assert sorted(uids) == [[str(user)] * 4 for user in users]
    (reader,) = (s for s in statuses if s["Uid"].split()[0] == "36")
    assert reader["Gid"].split() == ["36"] * 4
    assert reader["NoNewPrivs"] == "1"
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert reader[name] == NONE, name
    wait_until(lambda: not any(map(proc.running, children)))


@pytest.mark.parametrize("caller", ["vdsm", "libvirt"])
def test_killed(host, fs, caller):
    """Its children end with it, when the storage lets them."""
    with hook(host, caller, fs) as process:
        children = proc.children(process.pid)
        assert children
        process.kill()
        process.wait()
    wait_until(lambda: not any(map(proc.running, children)))
