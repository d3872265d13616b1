# SPDX-License-Identifier: GPL-2.0-or-later
"""
In a chroot whose "/" is a plain directory, as mock and rescue systems have
it, the kernel tells of no mount that holds a path there.
"""

import os
import sys

import pytest

from tests import ROOT
from tests.support import programs, rundir
from tests.support.hooks.needs import needs_sanlock, slow_to_join
from tests.support.processes.namespace import Namespace, needs_namespace
from vdsm_backup.host import mounts

pytestmark = [
    slow_to_join,
    needs_namespace,
    needs_sanlock,
]

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


def test_no_mount_is_known(chroot):
    path = "/tmp/x/sd"
    assert mounts.holding(path, mounts.table()) is not None
    done = programs.run(
        "tests.support.host.ask", "mount_of", path, inside=chroot
    )
    assert done.stdout == "True None ('unknown', '/tmp/x/sd')\n", done.stderr


def test_the_main_job(chroot):
    """Real changes under real leases, on domains in the chroot's /tmp."""
    done = programs.run(
        *("pytest", "-q", "-rs", "-p", "no:cacheprovider", "--rootdir", ROOT),
        os.path.join(ROOT, "tests/integration/cli_lease_test.py"),
        *("-k", "all_commands"),
        inside=chroot,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
