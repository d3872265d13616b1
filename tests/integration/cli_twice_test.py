# SPDX-License-Identifier: GPL-2.0-or-later
"""One storage that is mounted twice, and two that look like one."""

import contextlib
import os
import shutil

import pytest

from tests.support.clifixtures import OWNER, WHY, A
from tests.support.hooks.needs import needs_fuse, needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.storage import filedomain, hangfs

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
]
pytestmark = slow_to_join


@needs_sanlock
def test_domain_that_is_mounted_twice(leased):
    """VDSM is in the lockspace by the other mount."""
    leased.domain(sd_id=A)
    twin = leased.add_mount("twin:_data", target=leased.mount)
    ids = os.path.join(leased.mount, A, "dom_md", "ids")
    leased.sanlock.call("join", A, 7, ids, sanlockd.IO_TIMEOUT)
    done = leased.process("set", A, *WHY, "--path", twin)
    assert done.code == 0, done.err
    assert leased.sanlock.call("lockspaces")[A] == 7
    leased.sanlock.call("leave", A, 7, ids)
    # A killed run has joined by the other mount.
    leased.kill_run("clear", A, *WHY, "--path", leased.mount)
    assert f"--path {leased.mount}" in leased.killed_runs()[2]
    done = leased.process("clear", A, *WHY, "--path", twin)
    assert done.code == 0, done.err
    leased.assert_tidy(A)


@needs_sanlock
@needs_fuse
@pytest.mark.parametrize("which", ["same", "copy"])
def test_share_that_is_mounted_twice(leased, which):
    """
    Two mounts have two devices, and their own inodes. Under the lease this
    host's slot tells whether they are one storage.
    """
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(hangfs.Hangfs())
        root = one.root if which == "same" else None
        two = stack.enter_context(hangfs.Hangfs(root))
        filedomain.make(one.root, sd_id=A, owner=OWNER)
        dom_md = os.path.join(one.root, A, "dom_md")
        sanlockd.Leases(A, dom_md).initialize(leased.sanlock)
        if which == "copy":
            filedomain.make(two.root, sd_id=A, owner=OWNER)
            for name in ("ids", "leases", "metadata"):
                copy = os.path.join(two.root, A, "dom_md", name)
                shutil.copyfile(os.path.join(dom_md, name), copy)
        first = leased.add_mount("one:_data", target=one.mount)
        leased.add_mount("two:_data", target=two.mount)
        before = filedomain.get_bytes(one.root, A)
        done = leased.process("set", A, *WHY)
        assert "error 957: " in done.err
        assert "if they are one storage" in done.err
        done = leased.process("set", A, *WHY, "--path", first)
        now = filedomain.get_bytes(one.root, A)
        if which == "same":
            assert done.code == 0, done.err
            assert b"BACKUP=True\n" in now
        else:
            assert "error 957: " in done.err
            assert one.mount in done.err or first in done.err
            assert now == before
            assert filedomain.get_bytes(two.root, A) == before
        leased.assert_tidy(A)
