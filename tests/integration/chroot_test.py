# SPDX-License-Identifier: GPL-2.0-or-later
"""
In a chroot whose "/" is a plain directory, as mock and rescue systems have
it, the kernel tells of no mount that holds a path there.
"""

import os
import subprocess
import sys

import pytest

from tests.support import rundir
from tests.support.hooks.needs import needs_sanlock
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage.backends import ROOT
from vdsm_backup.host import mounts

pytestmark = [needs_namespace, needs_sanlock]

# What the chroot has of its own: there the tests inside make their domains.
OWN = {"tmp", "run"}


@pytest.fixture
def chroot():
    """The start of a command that runs another one in a chroot."""
    path = rundir.make("chroot")
    root = os.path.join(path, "root")
    with Namespace() as ns:
        for name in set(os.listdir("/")) - OWN:
            _show(ns, os.path.join("/", name), root)
        for name in OWN:
            os.makedirs(os.path.join(root, name))
        # They may lie in one of these.
        for directory in (ROOT, sys.prefix):
            ns.bind(directory, root + directory)
        yield [*ns.enter(), "chroot", root]
    # The mounts are gone with the namespace; what they hid is empty.
    rundir.remove(path)


def _show(ns, path, root):
    target = root + path
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
    elif os.path.isdir(path):
        os.mkdir(target)
        ns.run("mount", "--rbind", path, target)


def run(chroot, code):
    """What a Python program with our code says there."""
    return subprocess.run(
        [*chroot, sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
    )


def test_no_mount_is_known(chroot):
    code = (
        "from vdsm_backup.host import mounts\n"
        "from vdsm_backup.vm import paths\n"
        "table = mounts.table()\n"
        "print(len(table) > 3, paths.mount_of('/tmp/x/sd', table),"
        " mounts.where('/tmp/x/sd'))"
    )
    assert mounts.holding("/tmp/x/sd", mounts.table()) is not None
    done = run(chroot, code)
    assert done.stdout == "True None ('unknown', '/tmp/x/sd')\n", done.stderr


def test_the_main_job(chroot):
    """Real changes under real leases, on domains in the chroot's /tmp."""
    done = subprocess.run(
        [*chroot, sys.executable, "-m", "pytest", "-q", "-rs"]
        + ["-p", "no:cacheprovider", "--rootdir", ROOT]
        + [os.path.join(ROOT, "tests/integration/cli_lease_test.py")]
        + ["-k", "all_commands"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
