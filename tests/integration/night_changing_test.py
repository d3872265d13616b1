# SPDX-License-Identifier: GPL-2.0-or-later
"""The worst night: a change that fails. See tests/support/night.py."""

import os
import shutil
import subprocess

import pytest

from tests.support.clifixtures import A, B
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.lease import sanlockd
from tests.support.storage import filedomain, harms, mounted

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
    "tests.support.night",
]
pytestmark = [slow_to_join, needs_sanlock, needs_other_user]

SET = 'vdsm-backup-domain set backups-nfs --reason "nightly copies"'
POOL = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def area(admin, name):
    return os.path.join(admin.mount, A, "dom_md", name)


def test_a_full_disk(night, admin):
    """No space is left for the new metadata."""
    with mounted.ext4(admin.mount, 64):
        admin.domain(sd_id=A, name="backups-nfs")
        full = os.path.join(admin.mount, "full")
        mounted.fill(full)
        night.types(SET)
        night.follows("see what is full", shown_as="... 100% ...")
        os.unlink(full)
        night.tell("space is made")
        night.types(SET)


def test_no_space_for_the_history(night, admin):
    """/var is full."""
    admin.domain(sd_id=A, name="backups-nfs")
    os.mkdir(admin.history)
    with mounted.ext4(admin.history, 8):
        os.chown(admin.history, 36, 36)
        full = os.path.join(admin.history, "full")
        mounted.fill(full)
        night.types(SET)
        night.follows("make space there", shown_as="... 100% ...")
        os.unlink(full)
        night.tell("space is made")
        night.types(SET)


@pytest.mark.parametrize(
    "harm",
    [harms.zeroed, harms.empty, harms.missing, harms.foreign],
    ids=lambda harm: harm.__name__,
)
def test_ids(night, admin, harm):
    """The file ids, in which sanlock has the lockspace."""
    admin.domain(sd_id=A, name="backups-nfs")
    good = area(admin, "ids") + ".good"
    shutil.copy2(area(admin, "ids"), good)
    os.chown(good, 36, 36)
    harm(area(admin, "ids"))
    with sanlockd.Host("host1", aio=True) as daemon:
        sanlock, admin.sanlock = admin.sanlock, daemon
        # It says why in its own words.
        night.types(SET)
        admin.sanlock = sanlock
    night.follows("see")
    night.types("vdsm-backup-domain verify backups-nfs")
    os.rename(good, area(admin, "ids"))
    night.tell("ids is copied from the origin again")
    night.types("vdsm-backup-domain verify backups-nfs")


def test_a_mount_that_is_read_only(night, admin):
    """The mount of the domain is read-only."""
    admin.domain(sd_id=A, name="backups-nfs")
    with mounted.read_only(admin.mount):
        night.types(f"{SET} --dry-run")
        night.types(SET)
        night.types("vdsm-backup-domain verify backups-nfs")
        night.follows("if nothing speaks against it")
        night.types(SET)


@pytest.mark.parametrize("name", ["dom_md/metadata", "dom_md"])
def test_immutable(night, admin, name):
    """chattr +i, by somebody who wanted to be safe."""
    admin.domain(sd_id=A, name="backups-nfs")
    path = os.path.join(admin.mount, A, name)
    if subprocess.run(["chattr", "+i", path]).returncode:
        pytest.skip("no chattr here")
    try:
        night.types(SET)
        take_away = night.hint("if whoever has done that agrees")
        night.follows("see it", shown_as="----i---------e------- ...")
        night.types("vdsm-backup-domain verify backups-nfs")
        night.types(take_away)
        night.types(SET)
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_metadata_of_root(night, admin):
    """Somebody has edited metadata as root."""
    admin.domain(sd_id=A, name="backups-nfs")
    os.chown(area(admin, "metadata"), 0, 0)
    night.types(SET)
    night.follows("on the server", cwd=admin.mount)
    night.types(SET)


def test_another_host_is_alive(night, admin):
    """Another host has the lockspace of the domain."""
    admin.domain(sd_id=A, name="backups-nfs")
    with sanlockd.Host("host2.example.com") as other:
        leases = admin.leases(A)
        other.join(leases, 2)
        night.types(SET)
        other.leave(leases, 2)
        night.tell("the domain is put into maintenance in the engine")
        night.types(SET)


def test_another_host_has_crashed(night, admin):
    """sanlock cannot tell yet that it is dead."""
    admin.domain(sd_id=A, name="backups-nfs")
    other = sanlockd.Host("host2.example.com")
    other.join(admin.leases(A), 2)
    other.stop()
    night.types(f"{SET} --timeout 12")
    found = night.hint("known to be dead after")
    assert found.count("--timeout") == 1
    assert found.endswith(" --timeout 180")


def test_too_little_time(night, admin):
    """The lockspace is not joined in two seconds."""
    admin.domain(sd_id=A, name="backups-nfs")
    night.types(f"{SET} --timeout 2")
    night.follows("allow more time")


def test_sanlock_is_not_running(night, admin, sanlock):
    """The daemon of this host is down."""
    admin.domain(sd_id=A, name="backups-nfs")
    with sanlockd.Host("host1") as daemon:
        admin.sanlock = daemon
    night.types(SET)
    admin.sanlock = sanlock
    night.tell("systemctl start sanlock")
    night.types(SET)


def test_another_reason(night, admin):
    """Somebody else has flagged the domain."""
    admin.domain(
        sd_id=A,
        name="backups-nfs",
        BACKUP="True",
        BACKUP_REASON="weekly copies",
        BACKUP_BY="eve@host2",
        BACKUP_SINCE="2026-11-22T11:40:00Z",
    )
    night.types(SET)
    night.follows("if yours is to replace it")
    night.types(SET)


def test_what_never_was_flagged(night, admin):
    """clear, to be on the safe side."""
    admin.domain(sd_id=A, name="backups-nfs")
    before = admin.bytes(A)
    night.types("vdsm-backup-domain clear backups-nfs --reason 'for VMs'")
    assert admin.bytes(A) == before


def test_attached_and_no_vdsm(night, admin):
    """The domain is attached to a pool, and VDSM does not run here."""
    admin.domain(sd_id=A, name="backups-nfs", POOL_UUID=POOL)
    night.types(SET)
    night.types("vdsm-backup-domain list")


def test_the_whole_data_center_is_lost(night, admin):
    """The domain says that it is attached, and no VDSM is left."""
    admin.domain(sd_id=A, name="backups-nfs", POOL_UUID=POOL)
    night.types(SET)
    night.follows("only where no host of that data center runs any more")


def test_two_hosts_with_one_domain_name(night, admin):
    """Two domains have one name."""
    admin.domain(sd_id=A, name="backups-nfs")
    admin.domain(sd_id=B, name="backups-nfs")
    night.types(SET)
    night.follows("look at each")
    assert not admin.kept()
    assert b"BACKUP=" not in filedomain.get_bytes(admin.mount, B)
