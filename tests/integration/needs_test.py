# SPDX-License-Identifier: GPL-2.0-or-later
"""What a VM needs of a mount that hangs, by real mounts and processes."""

import os

import pytest

from tests.support.hooks.needs import needs_fuse
from tests.support.storage import hangfs
from tests.support.waiting import wait_until
from vdsm_backup import errors
from vdsm_backup.host import mounts
from vdsm_backup.processes import stuck
from vdsm_backup.vm import needs
from vdsm_backup.vm.domxml import Disk, Source, Vm
from vdsm_backup.vm.paths import BLOCK, FILE, Location

pytestmark = [needs_fuse]

SD = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1101"
OTHER = "0c6bf0d4-2f5e-4d6e-8d0a-51a3c74b1102"

# The steps of storage that following a path meets.
STEPS = ["getattr", "readlink"]


@pytest.fixture
def mounted(hang):
    """A disk on one domain that is a link into another domain."""
    os.makedirs(f"{hang.root}/{SD}/images")
    os.makedirs(f"{hang.root}/{OTHER}")
    with open(f"{hang.root}/{OTHER}/disk", "w"):
        pass
    os.symlink(f"../../{OTHER}/disk", f"{hang.root}/{SD}/images/disk")
    return hang


def finder(repo_root):
    return needs.Finder(repo_root, "/dev", mounts.table())


def vm(*paths):
    return Vm(disks=[Disk("disk", "vda", [Source("file", p) for p in paths])])


def candidate(mount, sd_id):
    location = Location(sd_id, FILE, f"{mount}/{sd_id}", candidate=True)
    return needs.Need("disk vda", location)


def test_a_link_on_the_mount(mounted, tmp_path):
    following = finder(str(tmp_path))
    found = following.needs(vm(f"{mounted.mount}/{SD}/images/disk"))
    assert found.known == [candidate(mounted.mount, SD)]
    (paths,) = found.unresolved.values()
    more, left, why = following.resolve(paths, 20)
    # The name of the link itself is said again.
    assert more == [candidate(mounted.mount, sd_id) for sd_id in (SD, OTHER)]
    assert (left, why) == ([], None)


def test_a_link_to_a_volume(mounted, tmp_path):
    """The end of the path is /dev/dm-N, which tells of no domain."""
    devices = tmp_path / "dev"
    (devices / OTHER).mkdir(parents=True)
    (devices / "dm-7").write_text("")
    (devices / OTHER / "volume").symlink_to("../dm-7")
    os.symlink(devices / OTHER / "volume", f"{mounted.root}/link")
    following = needs.Finder(str(tmp_path), str(devices), mounts.table())
    found = following.needs(vm(f"{mounted.mount}/link"))
    (paths,) = found.unresolved.values()
    volume = needs.Need("disk vda", Location(OTHER, BLOCK))
    assert following.resolve(paths, 20) == ([volume], [], None)


@pytest.mark.parametrize("step", STEPS)
def test_finding_never_hangs(mounted, tmp_path, step):
    link = tmp_path / "link"
    link.symlink_to(f"{mounted.mount}/{SD}/images/disk")
    mounted.hang(step)
    found = finder(str(tmp_path)).needs(vm(str(link), f"{mounted.mount}/../x"))
    assert mounted.stuck(step) == 0
    assert found.known == [candidate(mounted.mount, SD)]
    assert found.unresolved == {
        mounted.mount: [
            ("disk vda", f"{mounted.mount}/{SD}/images/disk"),
            ("disk vda", f"{mounted.mount}/../x"),
        ]
    }


@pytest.mark.parametrize("step", STEPS)
def test_resolving_ends_in_time(mounted, tmp_path, step):
    following = finder(str(tmp_path))
    path = f"{mounted.mount}/{SD}/images/disk"
    mounted.hang(step)
    found, left, why = following.resolve([("disk vda", path)], 0.5)
    assert left == [("disk vda", path)]
    # The child may not even have come so far as to say the path's own name.
    assert set(found) <= {candidate(mounted.mount, SD)}
    assert isinstance(why, errors.StorageTimeout)
    assert (why.what, why.seconds) == (path, 0.5)
    # It is there, and again answered, when the storage is.
    mounted.clear()
    found, _, _ = following.resolve([("disk vda", path)], 20)
    assert candidate(mounted.mount, OTHER) in found


def test_who_hangs_is_left_alone_and_ends_with_the_storage(mounted, tmp_path):
    path = f"{mounted.mount}/{SD}/images/disk"
    mounted.hang("readlink")
    finder(str(tmp_path)).resolve([("disk vda", path)], 0.5)
    mounted.clear()
    wait_until(lambda: all(p.poll() is not None for p in stuck._left))


def test_another_mount_is_not_delayed(mounted, tmp_path):
    mounted.hang("getattr")
    following = finder(str(tmp_path))
    with hangfs.Hangfs() as other:
        os.makedirs(f"{other.root}/{SD}")
        os.symlink(f"{SD}/disk", f"{other.root}/link")
        found = needs.Finder(str(tmp_path), "/dev", mounts.table()).needs(
            vm(f"{mounted.mount}/{SD}/images/disk", f"{other.mount}/link")
        )
        assert sorted(found.unresolved) == sorted([mounted.mount, other.mount])
        more, _, _ = following.resolve(found.unresolved[other.mount], 20)
        assert more == [candidate(other.mount, SD)]
    _, _, why = following.resolve(found.unresolved[mounted.mount], 0.5)
    assert isinstance(why, errors.StorageTimeout)
