# SPDX-License-Identifier: GPL-2.0-or-later
"""
The worst night: metadata that is damaged, and what a host does with VMs. See
tests/support/night.py.
"""

import os
import shutil

import pytest

from tests.support.clifixtures import A
from tests.support.hooks import vmxml
from tests.support.hooks.needs import (
    needs_other_user,
    needs_sanlock,
    slow_to_join,
)
from tests.support.storage import filedomain

pytest_plugins = [
    "tests.support.clifixtures",
    "tests.support.lease.leasedhost",
    "tests.support.night",
]
pytestmark = [slow_to_join, needs_sanlock, needs_other_user]

SET = 'vdsm-backup-domain set backups-nfs --reason "nightly copies"'
FLAGGED = {
    "BACKUP": "True",
    "BACKUP_REASON": "nightly copies",
    "BACKUP_BY": "eve@host2",
    "BACKUP_SINCE": "2026-11-22T11:40:00Z",
}
VM = "1bd9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


def edit(admin, old, new):
    """As by vi: the checksum stays."""
    data = admin.bytes(A).replace(old, new)
    filedomain.put_bytes(admin.mount, A, data)


def without_checksum(admin):
    lines = admin.bytes(A).splitlines(True)
    kept = [line for line in lines if not line.startswith(b"_SHA_CKSUM")]
    filedomain.put_bytes(admin.mount, A, b"".join(kept))


def test_edited_by_hand_without_history(night, admin):
    """This host has no copy."""
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    edit(admin, b"BACKUP=True", b"BACKUP=False")
    night.types("vdsm-backup-domain show backups-nfs")
    night.follows("who has made the last one")
    night.types(SET)
    night.types(f"vdsm-backup-domain restore {A}")
    night.follows("who has made the last one")
    night.types(
        "vdsm-backup-domain reseal backups-nfs --reason 'edited' --dry-run"
    )
    edit(admin, b"BACKUP=False", b"BACKUP=True")
    night.tell("the line is edited back")
    night.types("vdsm-backup-domain verify backups-nfs")


def test_edited_by_hand_with_history(night, admin):
    """This host has copies of before."""
    admin.domain(sd_id=A, name="backups-nfs")
    night.types(SET)
    night.types(f'{SET[:-1]}, tape" --replace')
    edit(admin, b"BACKUP=True", b"BACKUP=Tru")
    night.tell("somebody damages the metadata")
    night.types("vdsm-backup-domain verify backups-nfs")
    found = night.hint("put the newest one back")
    night.follows("copies kept on this host")
    night.types(found)
    night.types("vdsm-backup-domain show backups-nfs")


def test_metadata_is_gone(night, admin):
    """On NFS a rename was cut in two."""
    admin.configure(io_timeout=8)
    admin.domain(sd_id=A, name="backups-nfs")
    night.types(SET)
    os.unlink(filedomain.path(admin.mount, A))
    night.tell("metadata is gone")
    night.types("vdsm-backup-domain show backups-nfs")
    night.types(f"vdsm-backup-domain show {A}")
    found = night.hint("if it is the right one")
    night.follows("see the newest copy of this host")
    night.types(f"vdsm-backup-domain restore {A}")
    night.follows("what is in this one")
    night.types(found)
    night.types(SET)
    os.unlink(filedomain.path(admin.mount, A))
    night.tell("metadata is gone again")
    night.types(f"vdsm-backup-domain clear {A} --reason 'for VMs'")
    again = night.hint("is to be a backup domain")
    night.follows("if it is the right one")
    night.types("vdsm-backup-domain verify backups-nfs")
    night.types(again.replace("TEXT", "'nightly copies'"))


def test_checksum_deleted_by_hand(night, admin):
    """_SHA_CKSUM is deleted, as some forum says."""
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    without_checksum(admin)
    night.types("vdsm-backup-domain list")
    night.types("vdsm-backup-domain clear backups-nfs --reason 'for VMs'")
    night.follows("without VDSM", {"TEXT": "'deleted by hand'"})
    night.types("vdsm-backup-domain verify backups-nfs")


@pytest.mark.parametrize(
    "line",
    ["[gard]", "[guard]\nmod = permissive", "[guard]\nmode = permisive", "x"],
    ids=["section", "option", "value", "no section"],
)
def test_configuration(night, admin, line):
    """A typo in a drop-in."""
    os.makedirs(admin.drop_ins)
    path = os.path.join(admin.drop_ins, "50-night.conf")
    with open(path, "w") as f:
        f.write(f"{line}\n")
    night.types("vdsm-backup-domain list")
    os.unlink(path)


@pytest.fixture
def vm_xml(admin, directory):
    """A VM that has its disk on the domain A."""
    images = os.path.join(admin.mount, A, "images")
    disk = os.path.join(images, vmxml.IMAGE, vmxml.VOLUME)

    def write():
        os.makedirs(os.path.dirname(disk))
        with open(disk, "w"):
            pass
        path = os.path.join(directory, "vm.xml")
        with open(path, "wb") as f:
            f.write(vmxml.vm(vmxml.disk(disk), name="mail", uuid=VM))

    yield write


def test_a_vm_must_run_now(night, admin, vm_xml, directory):
    """The mail server has its only disk on the backup domain."""
    night.call(directory, "/root")
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    vm_xml()
    check = "vdsm-backup-domain check --domxml vm.xml"
    night.types(check, cwd=directory)
    night.follows(
        "for this VM and for a time", {"TEXT": "'mail must run, ticket 4711'"}
    )
    night.types(check, cwd=directory)
    night.types("vdsm-backup-domain permit --list")
    night.types(f"vdsm-backup-domain permit --vm {VM} --revoke")
    night.types(check, cwd=directory)


def test_permissive(night, admin, vm_xml, directory):
    """This host only logs."""
    admin.configure(mode="permissive")
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    vm_xml()
    night.types("vdsm-backup-domain check --domxml vm.xml", cwd=directory)
    night.types("vdsm-backup-domain check backups-nfs")


def test_disabled(night, admin, vm_xml, directory):
    """This host lets all through."""
    admin.configure(mode="disabled")
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    vm_xml()
    night.types("vdsm-backup-domain check --domxml vm.xml", cwd=directory)


def test_what_cannot_be_read_is_let_through(night, admin, vm_xml, directory):
    """By on_unreadable = allow; what is flagged is refused nevertheless."""
    admin.configure(on_unreadable="allow")
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    vm_xml()
    night.types("vdsm-backup-domain check --domxml vm.xml", cwd=directory)
    edit(admin, b"BACKUP=True", b"BACKUP=Tru")
    night.tell("somebody damages the metadata")
    night.types("vdsm-backup-domain check --domxml vm.xml", cwd=directory)


def test_a_vm_whose_flag_cannot_be_read(night, admin, vm_xml, directory):
    """Not because it is flagged."""
    admin.domain(sd_id=A, name="backups-nfs", **FLAGGED)
    vm_xml()
    edit(admin, b"BACKUP=True", b"BACKUP=Tru")
    night.types("vdsm-backup-domain check --domxml vm.xml", cwd=directory)
    night.follows("see what is wrong")
    shutil.rmtree(os.path.join(admin.mount, A, "images"))
