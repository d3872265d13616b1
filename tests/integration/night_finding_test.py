# SPDX-License-Identifier: GPL-2.0-or-later
"""The worst night: which domain is meant. See tests/support/night.py."""

import os
import shutil

import pytest

from tests import ROOT
from tests.support import rundir
from tests.support.clifixtures import OWNER, A, B
from tests.support.hooks.needs import (
    needs_fuse,
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage import filedomain, hangfs

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
    "tests.support.night",
]
pytestmark = [slow_to_join, needs_sanlock, needs_other_user]

NOBODY = 65534
WHY = '--reason "nightly copies"'
PERMIT = f"permit --vm {B} --for 2h --reason 'mail must run'"


@needs_fuse
def test_a_mount_hangs(night, admin):
    """The mount of another domain hangs."""
    admin.configure(io_timeout=8)
    admin.domain(sd_id=A, name="backups-nfs")
    with hangfs.Hangfs() as fs:
        admin.add_mount("nas2:_vms", fs.mount)
        filedomain.make(fs.root, sd_id=B, name="vms", owner=OWNER)
        fs.hang("readdir")
        night.types("vdsm-backup-domain show backups-nfs")
        night.follows("use the UUID")
        night.types(f"vdsm-backup-domain set backups-nfs {WHY}")
        night.follows("if it is the one that you mean")
        night.types("vdsm-backup-domain list")
        night.types("vdsm-backup-domain history backups-nfs")
        night.types("vdsm-backup-domain verify backups-nfs")
        night.follows("if it is the one that you mean")
        night.types("vdsm-backup-domain verify backups-NFS")
        night.types("vdsm-backup-domain check backups-nfs")
        night.follows("if it is the one that you mean")
        fs.clear()


def test_a_typo(night, admin):
    """A name is mistyped, and another domain has lost its metadata."""
    admin.configure(io_timeout=8)
    admin.domain(sd_id=A, name="backups-nfs")
    night.types(f"vdsm-backup-domain set backups-NFS {WHY}")
    night.follows("see what this host can see")
    other = admin.add_mount("nas2:_vms")
    filedomain.make(other, sd_id=B, name="vms", owner=OWNER)
    os.unlink(filedomain.path(other, B))
    night.tell("a domain comes that has lost its metadata")
    night.types(f"vdsm-backup-domain set backups-NFS {WHY}")
    night.follows("see what this host can see")


def test_the_beginning_of_a_uuid(night, admin):
    """Which one domain has, and then another one, too."""
    admin.domain(sd_id=A, name="backups-nfs")
    night.types("vdsm-backup-domain show 0ad9a6a0")
    admin.domain(sd_id=A[:-1] + "6", name="backups-old")
    night.tell("a second domain is mounted")
    night.types("vdsm-backup-domain show 0ad9a6a0")
    night.types("vdsm-backup-domain clear 0ad9a6a0 --reason 'wrong one'")


def test_no_root(night, admin):
    """Somebody who is not root."""
    admin.domain(sd_id=A, name="backups-nfs")
    night.types("vdsm-backup-domain list", user=NOBODY)
    night.types("vdsm-backup-domain history backups-nfs", user=NOBODY)
    night.types(
        f"vdsm-backup-domain set backups-nfs {WHY} --dry-run", user=NOBODY
    )
    night.follows("This needs root")
    night.types(f"vdsm-backup-domain {PERMIT}", user=NOBODY)
    night.follows("This needs root")
    night.types(f"vdsm-backup-domain permit --vm {B} --revoke", user=NOBODY)
    os.chown(admin.mount, *OWNER)
    os.chmod(admin.mount, 0o700)
    night.tell("the export is closed to others")
    night.types("vdsm-backup-domain list", user=NOBODY)
    night.follows("This needs root")
    for command in ("show backups-nfs", f"show --path {admin.mount}"):
        night.types(f"vdsm-backup-domain {command}", user=NOBODY)
    os.chmod(admin.mount, 0o755)
    os.chmod(os.path.join(admin.mount, A, "dom_md"), 0o700)
    night.tell("the directory of the metadata is, too")
    night.types("vdsm-backup-domain list", user=NOBODY)
    night.types(f"vdsm-backup-domain check {A}", user=NOBODY)


def test_an_export_that_is_closed(night, admin):
    """The server lets only its own root in, and not user vdsm."""
    admin.domain(sd_id=A, name="backups-nfs")
    os.chown(admin.mount, 0, 0)
    os.chmod(admin.mount, 0o700)
    night.types("vdsm-backup-domain list")
    night.types("vdsm-backup-domain show backups-nfs")
    night.follows("see what this host can see")
    night.types(f"vdsm-backup-domain show --path {admin.mount}")
    night.types(f"vdsm-backup-domain verify {A}")
    night.types("vdsm-backup-domain metrics >/dev/null")


def test_several_at_one_place(night, admin):
    """The mount is named, and has two domains."""
    admin.domain(sd_id=A, name="backups-nfs")
    admin.domain(sd_id=B, name="vms")
    night.types(f"vdsm-backup-domain show --path {admin.mount}")
    night.follows("name one of them")
    night.types(f"vdsm-backup-domain check --path {admin.mount}")
    night.follows("name one of them")


def test_the_version(night, admin):
    """Somebody on the phone asks for it."""
    night.types("vdsm-backup-domain help --version")


@pytest.fixture
def closed():
    """A directory that is root's alone."""
    path = rundir.make("closed")
    os.chmod(path, 0o700)
    yield path
    rundir.remove(path)


def test_a_closed_directory(night, admin, closed):
    """Root works in /root, which vdsm cannot read."""
    night.call(closed, "/root")
    admin.domain(sd_id=A, name="backups-nfs")
    night.types("vdsm-backup-domain list", cwd=closed)
    night.types("vdsm-backup-domain show --path .", cwd=closed)
    night.types(
        f"vdsm-backup-domain set backups-nfs {WHY}",
        cwd=closed,
    )
    night.types("vdsm-backup-domain history backups-nfs", cwd=closed)
    night.types(
        "vdsm-backup-domain history backups-nfs --export 1 >copy.json",
        cwd=closed,
    )
    night.types(
        "vdsm-backup-domain restore backups-nfs --file copy.json", cwd=closed
    )


def test_a_checkout_that_vdsm_cannot_read(night, admin, closed):
    """The program itself is in /root."""
    night.call(closed, "/root")
    admin.domain(sd_id=A, name="backups-nfs")
    shutil.copytree(
        *(os.path.join(ROOT, "vdsm_backup"), f"{closed}/vdsm_backup")
    )
    night.from_checkout(closed)
    night.types("vdsm-backup-domain list", cwd=closed)
    night.types(f"vdsm-backup-domain set backups-nfs {WHY}", cwd=closed)
