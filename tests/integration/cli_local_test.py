# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domains that say they are local (TYPE=LOCALFS), on real mounts: sanlock may be
left out only where no other host has the storage.
"""

import os
import subprocess

import pytest

from tests.support import testhost
from tests.support.clifixtures import WHY, A
from tests.support.hooks.needs import needs_fuse, needs_sanlock, slow_to_join
from tests.support.lease import sanlockd
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain, loop
from vdsm_backup import errors
from vdsm_backup.lease import local

pytest_plugins = ["tests.support.clifixtures"]
pytestmark = slow_to_join

# Nobody answers there.
NO_SANLOCK = {"SANLOCK_RUN_DIR": "/nonexistent"}


@pytest.fixture
def host(directory):
    with testhost.Host(os.path.join(directory, "host")) as host:
        yield host


@pytest.fixture
def shared(host, hang):
    """A mount of which we do not know that no other host has it."""
    os.symlink(hang.mount, os.path.join(host.repo, "mnt", "_data"))
    filedomain.make(hang.mount, sd_id=A, TYPE="LOCALFS")
    return hang.mount


@needs_fuse
@needs_sanlock
def test_another_host_has_the_lease(host, shared):
    before = filedomain.get_bytes(shared, A)
    with sanlockd.Host("host1") as one, sanlockd.Host("host2") as two:
        dom_md = os.path.join(shared, A, "dom_md")
        leases = sanlockd.Leases(A, dom_md).initialize(two)
        two.join(leases, 2)
        with two.holding(leases):
            done = host.process("set", A, *WHY, "--json", env=one.env)
            assert (done.error, done.code) == (974, 4)
        assert filedomain.get_bytes(shared, A) == before
        two.leave(leases, 2)
        done = host.process("set", A, *WHY, env=one.env)
        assert done.code == 0, done.err
        # It was really taken.
        assert f"lockspace {A}:250:" in one.log()


@needs_fuse
@needs_sanlock
def test_one_without_a_lockspace_is_told_what_is_wrong(host, shared):
    for name in ("ids", "leases"):
        # As VDSM leaves them for a local domain.
        with open(os.path.join(shared, A, "dom_md", name), "w"):
            pass
    with sanlockd.Host("host1") as one:
        done = host.process("set", A, *WHY, env=one.env)
    assert done.code == 1
    assert "error 978" in done.err
    assert "on this host is not enough: it is on fuse," in done.err


# How the directory of a domain comes to be on a file system, in a namespace


def mount_tmpfs(ns, path, mnt):
    ns.run("mount", "-t", "tmpfs", "tmpfs", mnt)


def mount_ext4(ns, path, mnt):
    image = os.path.join(path, "image")
    subprocess.run(["truncate", "--size=64M", image], check=True)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    ns.run("mount", "-o", "loop", image, mnt)


def bind_tmpfs(ns, path, mnt):
    source = os.path.join(path, "source")
    os.mkdir(source)
    ns.run("mount", "-t", "tmpfs", "tmpfs", source)
    ns.run("mkdir", os.path.join(source, "data"))
    ns.bind(os.path.join(source, "data"), mnt)


def mount_overlay(ns, path, mnt):
    # The layers are on a file system that no other host has; an overlay
    # does not say so.
    top = os.path.join(path, "layers")
    os.mkdir(top)
    ns.run("mount", "-t", "tmpfs", "tmpfs", top)
    layers = {name: os.path.join(top, name) for name in ("low", "up", "work")}
    ns.run("mkdir", *layers.values())
    options = "lowerdir={low},upperdir={up},workdir={work}".format(**layers)
    ns.run("mount", "-t", "overlay", "-o", options, "overlay", mnt)


MOUNTS = [
    (mount_tmpfs, 0),
    pytest.param(
        mount_ext4,
        0,
        marks=pytest.mark.skipif(
            bool(loop.missing()), reason=loop.missing() or "loops work"
        ),
    ),
    (bind_tmpfs, 0),
    (mount_overlay, 1),
]


@needs_namespace
@pytest.mark.parametrize("name", ["_data", "link"])
@pytest.mark.parametrize("make, code", MOUNTS)
def test_without_sanlock(host, directory, make, code, name):
    """name: VDSM links local domains into its repository."""
    mnt = os.path.join(host.repo, "mnt", "_data")
    if name == "link":
        os.symlink(os.path.join(directory, "data"), mnt)
        mnt = os.path.join(directory, "data")
    os.mkdir(mnt)
    with Namespace() as ns:
        make(ns, directory, mnt)
        outside = os.path.join(directory, "outside")
        filedomain.make(outside, sd_id=A, TYPE="LOCALFS")
        ns.run("cp", "-a", os.path.join(outside, A), mnt)
        done = host.process(
            *["set", A, *WHY], inside=ns.enter(), env=NO_SANLOCK
        )
    assert done.code == code, done.err
    assert ("error 978" in done.err) == bool(code)
    assert ("it is on overlay, which other" in done.err) == bool(code)


@needs_fuse
def test_opening_the_lock_hangs(hang):
    filedomain.make(hang.mount, sd_id=A)
    ids = os.path.join(hang.mount, A, "dom_md", "ids")
    hang.hang("open", "ids")
    with pytest.raises(errors.StorageTimeout) as e:
        with local.take(A, ids, 60, print, io_timeout=1):
            pass
    assert ids in str(e.value)
    # Nobody waits for the process that hangs; it is still at it.
    assert hang.stuck("open") == 1
