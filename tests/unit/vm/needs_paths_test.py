# SPDX-License-Identifier: GPL-2.0-or-later
"""Paths that are no disks, directories that a VM gets, and block devices."""

import os

import pytest

from tests.support.hooks import domxmldata
from tests.support.host.blocksysfs import Sysfs
from tests.support.vm.domxmltext import disk, vm
from tests.support.vm.mounttable import ROOT
from vdsm_backup import errors
from vdsm_backup.host import block_stack
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm import luns, needs, shared_directories
from vdsm_backup.vm.domxml import DevicePath, Disk, Source, Vm, parse
from vdsm_backup.vm.paths import ANY, BLOCK, FILE, LUN, Location
from vdsm_backup.vm.shared_directories import SharedDirectories

SD, OTHER = domxmldata.SD1, domxmldata.SD2
POOL = "5b1a9a4e-7c7b-4d9b-8a59-0d6e3c1f0001"


@pytest.fixture
def repo(tmp_path):
    """A repository with a file domain, a block domain and their links."""
    repo = tmp_path / "data-center"
    (repo / POOL).mkdir(parents=True)
    domain = repo / "mnt" / "nas:_a" / SD
    (domain / "dom_md").mkdir(parents=True)
    (repo / POOL / SD).symlink_to(domain)
    block = repo / "mnt" / "blockSD" / OTHER
    block.mkdir(parents=True)
    (repo / POOL / OTHER).symlink_to(block)
    (repo / POOL / "mastersd").symlink_to(domain)
    return repo


def _disk_of(path):
    return Disk("disk", "vda", [Source("file", path)])


def finder(repo="/rhev/data-center", mounts=()):
    table = [
        ROOT,
        *(Mount(str(m), "nfs4", "nas:/", "rw", "/") for m in mounts),
    ]
    return needs.Finder(str(repo), "/dev", table)


def known(repo, *paths, mounts=(), device="element filesystem"):
    machine = Vm(other_paths=[DevicePath(device, str(p)) for p in paths])
    found = finder(repo, mounts).needs(machine)
    assert all(need.device == device for need in found.known)
    return [need.location for need in found.known]


def location(repo, sd_id=SD):
    return Location(sd_id, FILE, f"{repo}/mnt/nas:_a/{sd_id}")


# Any path


def test_a_path_of_a_device(repo):
    path = f"{repo}/mnt/nas:_a/{SD}/images/i/v"
    xml = vm(f"<serial type='file'><source path='{path}'/></serial>")
    (need,) = finder(repo).needs(parse(xml)).known
    assert need == needs.Need("element serial", location(repo))


def test_a_path_on_a_mount_that_may_hang(repo):
    mount = f"{repo}/mnt/nas:_a"
    path = f"{mount}/{SD}/x"
    machine = Vm(other_paths=[DevicePath("element x", path)])
    found = finder(repo, [mount]).needs(machine)
    assert found.unresolved == {mount: [("element x", path)]}
    assert found.known == [needs.Need("element x", location(repo))]


def test_a_relative_path(repo, tmp_path):
    path = f"{repo}/mnt/nas:_a/{SD}/images/i/v"[1:]
    assert known(repo, path) == [location(repo)]
    assert known(repo, f"no-such-directory/{SD}/x", "http://x/y", "a/b") == []


def test_nothing_is_known_of_what_a_normal_vm_has(repo, monkeypatch):
    # None of it is a directory, so the repository is not listed.
    monkeypatch.delattr(SharedDirectories, "_listdir")
    paths = [
        "/usr/libexec/qemu-kvm",
        "/dev/urandom",
        f"/var/lib/libvirt/qemu/channels/{SD}.org.qemu.guest_agent.0",
        f"/var/lib/libvirt/swtpm/{SD}/tpm2",
        f"/var/lib/libvirt/qemu/nvram/{SD}",
        "/no/such/file",
        "/proc/self/mem",
    ]
    assert known(repo, *paths) == []


def test_a_directory_that_has_the_name_of_a_domain(repo, tmp_path):
    """It is none without a dom_md, which is looked for where nothing hangs."""
    directory = tmp_path / "srv" / OTHER
    directory.mkdir(parents=True)
    assert known(repo, directory, directory / "x") == []
    (directory / "dom_md").mkdir()
    candidate = Location(OTHER, FILE, str(directory), candidate=True)
    assert known(repo, directory) == [candidate]
    assert known(repo, directory / "x") == [candidate]
    # On a mount the code that reads it looks.
    os.rmdir(directory / "dom_md")
    mounts = [tmp_path / "srv"]
    assert known(repo, directory, mounts=mounts) == [candidate]


def test_a_directory_that_is_closed_to_us(repo, tmp_path, monkeypatch):
    def lstat(path):
        raise PermissionError(path)

    monkeypatch.setattr(shared_directories.os, "lstat", lstat)
    path = f"{tmp_path}/{OTHER}/x"
    assert [found.candidate for found in known(repo, path)] == [True]


def test_paths_that_would_take_too_long():
    paths = [DevicePath("element x", "/a" * 2000)] * 11
    with pytest.raises(errors.VmUnclear, match="parts"):
        finder().needs(Vm(other_paths=paths))


# Directories


def test_a_domain_as_a_directory(repo):
    directory = repo / "mnt" / "nas:_a" / SD
    assert known(repo, directory) == [location(repo)]
    assert known(repo, f"{directory}/") == [location(repo)]
    assert known(repo, repo / POOL / SD) == [Location(SD), location(repo)][1:]
    assert known(repo, directory, mounts=[directory.parent]) == [
        location(repo)
    ]


def test_a_domain_as_a_directory_that_no_pool_has(repo):
    directory = f"{repo}/mnt/nas:_b/{SD}"
    assert known(repo, directory) == [Location(SD, FILE, directory)]
    (need,) = finder(repo).needs(Vm(disks=[_disk_of(directory)])).known
    assert need.location == Location(SD, FILE, directory)


@pytest.mark.parametrize("inside", ["mnt/nas:_a", "mnt", "", "mnt/../mnt"])
@pytest.mark.parametrize("slow", [False, True])
def test_a_directory_with_a_domain_in_it(repo, inside, slow):
    mounts = [repo / "mnt" / "nas:_a"] if slow else []
    assert known(repo, repo / inside, mounts=mounts) == [location(repo)]


def test_the_root_directory(repo):
    assert known(repo, "/") == [location(repo)]


def test_a_link_to_a_directory(repo, tmp_path):
    (tmp_path / "a").symlink_to(repo / "mnt")
    assert known(repo, tmp_path / "a") == [location(repo)]


def test_a_local_domain_in_its_own_directory(repo, tmp_path):
    """VDSM has a link to the directory of a local domain in mnt."""
    own = tmp_path / "local"
    (own / OTHER / "dom_md").mkdir(parents=True)
    (repo / "mnt" / "_local").symlink_to(own)
    os.unlink(repo / POOL / OTHER)
    (repo / POOL / OTHER).symlink_to(f"{repo}/mnt/_local/{OTHER}")
    found = known(repo, own)
    assert found == [Location(OTHER, FILE, f"{repo}/mnt/_local/{OTHER}")]


@pytest.mark.parametrize(
    "inside", ["mnt/nas:_b", "mnt/nas:", "mnt/blockSD", POOL, f"mnt/{SD}"]
)
def test_a_directory_without_a_domain(repo, inside):
    (repo / inside).mkdir(exist_ok=True)
    assert known(repo, repo / inside) == []


def test_the_repository_is_listed_once(repo, monkeypatch):
    listed = []

    def listdir(path):
        listed.append(path)
        return os_listdir(path)

    os_listdir = os.listdir
    monkeypatch.setattr(shared_directories.os, "listdir", listdir)
    assert len(known(repo, *["/usr", repo / "mnt", "/", "/var"] * 3)) == 1
    assert listed == [str(repo), str(repo / POOL)]


def test_a_repository_that_could_hang_is_not_listed(repo, monkeypatch):
    monkeypatch.setattr(shared_directories.os, "listdir", lambda path: 1 / 0)
    assert known(repo, repo / "mnt", mounts=[repo]) == []


def test_a_file_that_is_no_directory(repo, tmp_path):
    (tmp_path / "x").touch()
    assert known(repo, tmp_path / "x") == []


def test_a_disk_that_is_a_directory(repo):
    sources = [Source("dir", f"{repo}/mnt")]
    (need,) = (
        finder(repo).needs(Vm(disks=[Disk("disk", "vda", sources)])).known
    )
    assert need == needs.Need("disk vda", location(repo))


# Block devices


@pytest.fixture
def device(tmp_path, monkeypatch):
    """A LUN in another sysfs, to which the paths of a test lead."""
    sysfs = Sysfs(tmp_path / "sys")
    sysfs.disk("sdb")
    sysfs.multipath("dm-1", "36001", "sdb")
    sysfs.scsi("2:0:3:1", "sdb")
    of_number, of_scsi = block_stack.of_number, block_stack.of_scsi
    monkeypatch.setattr(
        block_stack, "of_number", lambda n: of_number(n, sysfs.path)
    )
    monkeypatch.setattr(
        block_stack, "of_scsi", lambda a: of_scsi(a, sysfs.path)
    )
    number = sysfs.number("sdb")
    monkeypatch.setattr(
        block_stack, "number", lambda p: number if p == "//dev/x" else None
    )
    return sysfs


LOCATION = Location("", LUN, "/dev/mapper/36001", candidate=True)


def test_a_lun(device):
    assert luns.locations(device.number("sdb")) == [LOCATION]
    xml = vm(disk("<source dev='/dev/x'/>"))
    assert finder().needs(parse(xml)).known == [
        needs.Need("disk vda", LOCATION)
    ]
    assert known("/rhev/data-center", "/dev/x") == [LOCATION]


def test_a_device_is_looked_at_once(device, monkeypatch):
    asked = []
    monkeypatch.setattr(
        luns, "locations", lambda number: asked.append(number) or [LOCATION]
    )
    monkeypatch.setattr(block_stack, "number", lambda path: "block/1:0")
    assert known("/rhev/data-center", "/dev/x", "/dev/y") == [LOCATION]
    assert asked == ["block/1:0"]


def test_a_device_behind_a_mount_that_may_hang(device, tmp_path, monkeypatch):
    """A process follows the link, and tells what it has found."""
    monkeypatch.setattr(
        luns, "locations", lambda n: [LOCATION] if n == "char/1:3" else []
    )
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "lun").symlink_to("/dev/null")
    path = f"{tmp_path}/m/lun"
    ours = finder(mounts=[tmp_path / "m"])
    found = ours.needs(Vm(disks=[_disk_of(path)]))
    assert found.known == []
    ((mount, paths),) = found.unresolved.items()
    assert mount == f"{tmp_path}/m"
    more, left, why = ours.resolve(paths, 60)
    assert more == [needs.Need("disk vda", LOCATION)]
    assert (left, why) == ([], None)


def test_a_lun_of_a_cdrom(device):
    xml = vm(disk("<source dev='/dev/x'/>", attributes="device='cdrom'"))
    assert finder().needs(parse(xml)).known == []


def test_a_lun_by_its_scsi_address(device):
    found = finder().needs(Vm(scsi=[DevicePath("a SCSI device", "2:0:3:1")]))
    assert found.known == [needs.Need("a SCSI device", LOCATION)]
    found = finder().needs(Vm(scsi=[DevicePath("a SCSI device", "2:0:3:2")]))
    assert found.known == []


def test_an_lv_tells_of_its_domain(device):
    device.lv("dm-2", SD, "metadata", "dm-1")
    assert luns.locations(device.number("sdb")) == [Location(SD, BLOCK)]


def test_an_lv_of_another_vg(device):
    device.lv("dm-2", "guest", "root", "dm-1")
    assert luns.locations(device.number("sdb")) == []


def test_a_lun_on_a_domain_that_is_known_by_its_uuid(device):
    """The LV tells where it is."""
    device.lv("dm-2", SD, "metadata", "dm-1")
    xml = vm(disk("<source dev='/dev/x'/>"))
    machine = Vm(disks=parse(xml).disks, leases=[SD])
    assert [n.location for n in finder().needs(machine).known] == [
        Location(SD, BLOCK),
        Location(SD, BLOCK),
    ]
    assert Location(SD, ANY) not in finder().needs(machine).known
