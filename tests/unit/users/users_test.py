# SPDX-License-Identifier: GPL-2.0-or-later
"""The users by what the scripts say, which are scripts of the tests here."""

import errno
import json
import os

import pytest

from tests.support.processes import talker
from tests.support.waiting import RUNS_OUT
from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.users import users

SD = "2f6d9d54-5d0c-4f8b-9c1e-6a9a6ff0d001"
DIR = f"/rhev/data-center/mnt/server:_path/{SD}"
IMG = "9b8f5a5e-7a6b-4c5d-8e9f-000000000001"
IMG2 = "9b8f5a5e-7a6b-4c5d-8e9f-000000000002"
VOL = "3c1a7a80-1111-4222-8333-000000000001"
VOL2 = "3c1a7a80-1111-4222-8333-000000000002"
END = {"end": True}

ELSEWHERE = "VMs of other hosts, since this is a block domain"


@pytest.fixture
def scripts(monkeypatch):
    """Lets the scripts say these lines, and hang."""
    said, real = {}, users.scripts.Script

    def start(module, *args, **options):
        return real(talker.__name__, *said[module])

    def say(script, lines, hang=False):
        """script: the name of the constant that names the module."""
        steps = [json.dumps(line) for line in lines]
        said[getattr(users, script)] = steps + ["hang"] * hang

    say("RUNNING_VMS", [END])
    say("IMAGE_LOCKS", [{"images": 0}, END])
    monkeypatch.setattr(users.scripts, "Script", start)
    monkeypatch.setattr(users.mounts, "table", lambda: [mount("nfs4")])
    return say


def mount(fs_type, options="rw", point="/rhev/data-center/mnt/server:_path"):
    return Mount(point, fs_type, "server:/path", options, "/")


def image(name=IMG, writing=(), reading=(), unseen=None):
    return {
        "image": name,
        "writing": list(writing),
        "reading": list(reading),
        "unseen": unseen or {},
    }


def find_file(timeout=20):
    def lvs():
        raise AssertionError("a file domain has no LVs")

    return users.find(SD, "file", DIR, lvs, timeout)


def find_block(*lvs):
    return users.find(SD, "block", None, lambda: list(lvs), 20)


def test_nobody(scripts):
    found = find_file()
    assert (found.blocking, found.images) == ([], [])
    assert found.notes == []


# VMs


def test_vms_are_sorted(scripts):
    web1 = {"vm": "web1", "uses": ["disk vda", "lease"], "cdroms": []}
    db = {"vm": "db", "uses": ["disk sda"], "cdroms": ["sdc"]}
    scripts("RUNNING_VMS", [web1, db, END])
    found = find_file()
    assert found.blocking == ["VM db (disk sda)", "VM web1 (disk vda, lease)"]
    assert found.notes == ["VM db has a CD-ROM from it (sdc)"]


def test_a_cdrom_alone_does_not_block(scripts):
    scripts(
        "RUNNING_VMS", [{"vm": "web1", "uses": [], "cdroms": ["sdc"]}, END]
    )
    found = find_file()
    assert found.blocking == []
    assert "VM web1 has a CD-ROM from it (sdc)" in found.notes


def test_names_of_vms_are_harmless(scripts):
    scripts(
        "RUNNING_VMS",
        [{"vm": "a\u202eb", "uses": ["disk \x1b"], "cdroms": []}, END],
    )
    assert find_file().blocking == ["VM a\\u202eb (disk \\x1b)"]


def test_libvirt_says_what_it_did_not_see(scripts):
    scripts("RUNNING_VMS", [{"unseen": "VM web2: its XML \x1b"}, END])
    found = find_file()
    assert "not seen: VM web2: its XML \\x1b" in found.notes
    assert found.unseen_here == ["VM web2: its XML \\x1b"]


def test_libvirt_hangs(scripts):
    web1 = {"vm": "web1", "uses": ["disk vda"], "cdroms": []}
    scripts("RUNNING_VMS", [web1], hang=True)
    found = find_file(timeout=RUNS_OUT)
    assert found.blocking == ["VM web1 (disk vda)"]
    assert found.notes[0] == (
        "not seen: VMs of this host: libvirt did not answer within"
        f" {RUNS_OUT} seconds"
    )
    assert len(found.unseen_here) == 1


@pytest.mark.parametrize(
    "lines", [[], [{"vm": "a", "uses": [], "cdroms": []}]]
)
def test_the_script_that_asks_libvirt_dies(scripts, lines):
    scripts("RUNNING_VMS", lines)
    assert find_file().notes[0] == (
        "not seen: VMs of this host: libvirt could not be asked, the check"
        " failed"
    )


@pytest.mark.parametrize(
    "module, what",
    [("RUNNING_VMS", "VMs of this host"), ("IMAGE_LOCKS", "image locks")],
)
def test_a_script_that_cannot_be_started(scripts, monkeypatch, module, what):
    """After the commit this must be told of, and must not end the command."""
    start = users.scripts.Script

    def fail(name, *args):
        if name == getattr(users, module):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return start(name, *args)

    monkeypatch.setattr(users.scripts, "Script", fail)
    web1 = {"vm": "web1", "uses": ["disk vda"], "cdroms": []}
    scripts("RUNNING_VMS", [web1, END])
    found = find_file()
    assert found.unseen_here == [f"{what}: {os.strerror(errno.EAGAIN)}"]
    other = ["VM web1 (disk vda)"] if module == "IMAGE_LOCKS" else []
    assert found.blocking == other


# LVs


def test_open_lvs(scripts):
    names = [f"{VOL[:-1]}{n}" for n in range(10)]
    found = find_block(*reversed(names), "ids", "leases")
    assert found.blocking == [f"LV {n} is open on this host" for n in names]
    assert found.images == []
    assert (found.notes, found.elsewhere) == ([], [ELSEWHERE])


def test_lvs_of_vdsm_itself_are_no_use(scripts):
    special = "metadata leases ids inbox outbox xleases master".split()
    assert find_block(*special).blocking == []


def test_lvm_fails(scripts):
    def lvs():
        raise errors.StorageTimeout("lvm lvs", 30)

    found = users.find(SD, "block", None, lvs, 20)
    assert found.blocking == []
    assert found.notes == [
        "not seen: open LVs of this host: lvm lvs did not answer within 30"
        " seconds",
    ]
    assert len(found.unseen_here) == 1


def test_a_fault_of_ours_is_not_a_note(scripts):
    def lvs():
        raise KeyError("lv_name")

    with pytest.raises(KeyError):
        users.find(SD, "block", None, lvs, 20)


def test_vms_of_a_block_domain(scripts):
    scripts(
        "RUNNING_VMS",
        [{"vm": "web1", "uses": ["disk vda"], "cdroms": []}, END],
    )
    assert find_block().blocking == ["VM web1 (disk vda)"]


# Images


def test_images(scripts):
    scripts(
        "IMAGE_LOCKS",
        [
            {"images": 2},
            image(IMG, writing=[VOL], reading=[VOL2]),
            image(IMG2, writing=[VOL]),
            END,
        ],
    )
    found = find_file()
    said = "is open for writing by qemu: a VM or a transfer"
    assert found.images == [
        f"image {IMG}/{VOL} {said}",
        f"image {IMG2}/{VOL} {said}",
    ]
    assert found.blocking == []
    assert found.notes == [
        f"image {IMG}/{VOL2} is open for reading by qemu",
    ]


def test_images_that_cannot_be_opened(scripts):
    denied = {VOL: "Permission denied", VOL2: "Stale file handle"}
    whole = {"": "Not a directory"}
    scripts(
        "IMAGE_LOCKS",
        [{"images": 2}, image(unseen=denied), image(IMG2, unseen=whole), END],
    )
    assert find_file().notes[0] == (
        "not seen: open images: 3 could not be asked, the first is"
        f" {IMG}/{VOL}: Permission denied"
    )
    scripts("IMAGE_LOCKS", [{"images": 1}, image(unseen=whole), END])
    assert find_file().notes[0] == (
        "not seen: open images: 1 could not be asked, the first is"
        f" {IMG}: Not a directory"
    )


def test_images_cannot_be_listed(scripts):
    scripts("IMAGE_LOCKS", [{"failed": "Permission denied"}, END])
    assert find_file().notes[0] == "not seen: open images: Permission denied"


def test_the_storage_hangs(scripts):
    scripts(
        "IMAGE_LOCKS",
        [{"images": 5}, image(writing=[VOL]), image(IMG2)],
        hang=True,
    )
    found = find_file(timeout=RUNS_OUT)
    assert len(found.images) == 1
    assert found.notes[0] == (
        "not seen: open images: only 2 of 5 images were checked, the storage"
        f" did not answer within {RUNS_OUT} seconds"
    )


def test_the_storage_hangs_before_it_lists_images(scripts):
    scripts("IMAGE_LOCKS", [], hang=True)
    assert find_file(timeout=RUNS_OUT).notes[0] == (
        "not seen: open images: the storage did not answer within"
        f" {RUNS_OUT} seconds"
    )


def test_the_script_that_asks_for_locks_dies(scripts):
    scripts("IMAGE_LOCKS", [{"images": 5}])
    assert find_file().notes[0] == (
        "not seen: open images: only 0 of 5 images were checked, the storage"
        " could not be asked, the check failed"
    )


# What no lock tells


def test_no_mount_is_known(scripts, monkeypatch):
    """As in a chroot whose "/" is not the top of a mount."""
    monkeypatch.setattr(users.mounts, "table", list)
    assert find_file().notes == [
        "not seen: images open on other hosts, since no mount is known that"
        " the domain is on",
    ]


def test_domain_behind_a_link(scripts, monkeypatch, tmp_path):
    os.symlink("/mnt/share", tmp_path / "_data")
    table = [mount("tmpfs", point="/"), mount("cifs", point="/mnt/share")]
    monkeypatch.setattr(users.mounts, "table", lambda: table)
    directory = os.path.join(tmp_path, "_data", SD)
    notes = users.find(SD, "file", directory, None, 20).notes
    assert "if cifs carries no locks" in notes[0]


@pytest.mark.parametrize(
    "fs_type, options, note",
    [
        ("nfs4", "rw,vers=4.2,local_lock=none", None),
        ("nfs", "rw,vers=3,local_lock=none", None),
        ("nfs", "rw,vers=3,nolock,local_lock=all", "NFSv3"),
        ("nfs", "rw,vers=3,local_lock=all", "NFSv3"),
        ("nfs", "rw,vers=3,local_lock=posix", "NFSv3"),
        ("nfs", "rw,vers=3,local_lock=flock", None),
        ("fuse.glusterfs", "rw", None),
        ("ceph", "rw", None),
        ("fuse.ceph-fuse", "rw", None),
        ("ext4", "rw", None),
        ("xfs", "rw", None),
        ("fuse.s3fs", "rw", "if fuse.s3fs carries no locks"),
        ("cifs", "rw", "if cifs carries no locks"),
    ],
)
def test_file_systems(scripts, monkeypatch, fs_type, options, note):
    table = [mount("cifs", point="/"), mount(fs_type, options)]
    monkeypatch.setattr(users.mounts, "table", lambda: table)
    notes = find_file().notes
    assert len(notes) == (1 if note else 0)
    assert (note or "") in "".join(notes)


@pytest.mark.parametrize(
    "fs_type, elsewhere",
    [
        (
            "fuse.glusterfs",
            ["VMs of other hosts that use Gluster by libgfapi"],
        ),
        ("nfs4", []),
    ],
)
def test_what_is_never_seen_on_a_file_system(
    scripts, monkeypatch, fs_type, elsewhere
):
    monkeypatch.setattr(users.mounts, "table", lambda: [mount(fs_type)])
    assert find_file().elsewhere == elsewhere
