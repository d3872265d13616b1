# SPDX-License-Identifier: GPL-2.0-or-later
"""The worst night: block domains. See tests/support/night.py."""

import os

from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage import harms
from tests.support.storage.blocktools import needs_block

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
    "tests.support.night",
    "tests.support.nightblock",
    "tests.support.storage.blockfixtures",
]
pytestmark = [slow_to_join, needs_block, needs_sanlock, needs_other_user]

SET = 'vdsm-backup-domain set block1 --reason "nightly copies"'
NOBODY = 65534
TAG = "RHAT_storage_domain"


def replica(domain, index):
    """Another LUN with the bytes of one of the domain: its name."""
    name = f"{domain.devices[index]}copy"
    os.symlink(domain.copy_device(index), name)
    return name


def test_half_of_a_vg(night, blockadmin, luns):
    """One of two LUNs is not here; the VG's metadata is on the other one."""
    blockadmin.configure(devices=luns.devices[0])
    night.types("vdsm-backup-domain list")
    night.types(SET)
    night.types("vdsm-backup-domain verify block1")
    blockadmin.configure(devices=luns.devices[1])
    night.tell("the other LUN is missing")
    night.types("vdsm-backup-domain list")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")
    assert "BACKUP=True" not in luns.lines()


def test_exported(night, blockadmin, luns):
    """Somebody has run vgexport, to move the LUNs."""
    luns.lvm(["vgexport", luns.sd_id])
    night.types("vdsm-backup-domain list")
    night.types("vdsm-backup-domain show block1")
    night.types("vdsm-backup-domain verify block1")
    night.types(SET)
    night.follows("no other host is to import it")
    night.types(SET)


def test_foreign(night, blockadmin, luns):
    """A host with a system ID has taken the VG."""
    luns.lvm(["vgchange", "--yes", "--systemid", "host2", luns.sd_id])
    night.types("vdsm-backup-domain list")
    night.types(SET)
    night.follows("no other host uses it")
    night.types(SET)


def test_a_clone_that_vgimportclone_has_renamed(night, blockadmin, luns):
    """Its VG is UUID1, so VDSM takes it for no domain."""
    luns.lvm(["vgrename", luns.sd_id, f"{luns.sd_id}1"])
    night.types("vdsm-backup-domain list")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")
    night.follows("while its origin is not here")
    night.types(SET)


def test_a_domain_that_was_never_finished(night, blockadmin, luns):
    """The tag of a domain is not there yet, or not any more."""
    luns.change_tags(add=[f"{TAG}_UNREADY"], delete=[TAG])
    night.types("vdsm-backup-domain list")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")
    night.types(f"vdsm-backup-domain set {luns.sd_id} --reason x")
    night.types(f"vdsm-backup-domain verify {luns.sd_id}")


def test_a_replica_beside_its_origin(night, blockadmin, luns):
    """The array shows this host a copy of the LUNs, too."""
    night.types(SET)
    copies = [replica(luns, i) for i in (0, 1)]
    blockadmin.configure(devices=", ".join([*luns.devices, *copies]))
    night.tell("the copies come")
    night.types("vdsm-backup-domain show block1")
    night.follows("see what this host can see")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")
    by_uuid = SET.replace("block1", luns.sd_id)
    night.types(f"{by_uuid} --accept-origin")
    night.follows("look at each")
    blockadmin.configure(devices=", ".join(copies))
    night.tell("the origin is disconnected: the site is lost")
    night.types("vdsm-backup-domain show block1")
    night.follows("gone or disconnected", {"TEXT": "'nightly copies'"})
    night.types("vdsm-backup-domain show block1")


def test_a_device_that_is_gone(night, blockadmin, luns):
    """It is configured, and its paths have failed."""
    gone = f"{luns.devices[1]}gone"
    blockadmin.configure(devices=", ".join([*luns.devices, gone]))
    assert not os.path.exists(gone)
    night.types("vdsm-backup-domain list")
    night.types("vdsm-backup-domain show block1")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")


def test_a_lun_that_somebody_has_partitioned(night, blockadmin, luns):
    """It was to be another one. LVM does not use it any more."""
    harms.partitioned(luns.devices[0])
    night.types("vdsm-backup-domain list")
    night.types(f"vdsm-backup-domain show {luns.sd_id}")
    night.types("vdsm-backup-domain show block1")
    night.types(f"vdsm-backup-domain verify --device {luns.devices[0]}")
    night.types(f"vdsm-backup-domain show --device {luns.devices[0]}")
    take_away = night.hint("no VM has this LUN")
    night.follows("see what is there", shown_as="... dos ... LVM2_member ...")
    night.types(take_away.replace(" --backup", ""), shown_as="... 55 aa ...")
    night.types(SET)


def test_one_of_two_that_somebody_has_partitioned(night, blockadmin, luns):
    """The VG's metadata is on the other one."""
    harms.partitioned(luns.devices[1])
    night.types(SET)
    night.follows("if they are connected")


def test_no_root(night, blockadmin, luns):
    """Somebody who is not root, where there are LUNs."""
    for command in (
        "list",
        "show block1",
        f"show {luns.sd_id}",
        "verify block1",
        f"verify {luns.sd_id}",
        f"check {luns.sd_id}",
        f"show --device {luns.devices[0]}",
    ):
        night.types(f"vdsm-backup-domain {command}", user=NOBODY)
        assert "error 9608: This needs root: sudo " in night.said
        assert f" {command}\n" in night.said
    night.follows("This needs root")
