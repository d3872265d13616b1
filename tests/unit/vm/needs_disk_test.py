# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domains a disk is on, by VDSM's metadata and by its paths."""

import os

import pytest

from tests.support.vm.mounttable import ROOT
from tests.support.vm.needing import (
    MOUNTED,
    NAS,
    OTHER,
    REPO,
    SD,
    disk,
    finder,
    known,
    location,
)
from vdsm_backup import errors
from vdsm_backup.vm import links, needs
from vdsm_backup.vm.domxml import Disk, Source, Vm
from vdsm_backup.vm.paths import FILE, Location


def test_nothing():
    found = finder().needs(Vm())
    assert (found.known, found.unresolved) == ([], {})


def test_path():
    path = f"{REPO}/mnt/m/{SD}/images/i/v"
    assert known(disk(path)) == [("disk vda", location())]


@pytest.mark.parametrize("device", ["cdrom", "floppy"])
def test_removable(device):
    path = f"{REPO}/mnt/m/{SD}/images/i/v"
    found = finder(MOUNTED).needs(
        Vm(disks=[disk(path, f"{NAS}/x", device=device, domain="no UUID")])
    )
    assert (found.known, found.unresolved) == ([], {})


def test_metadata_and_path_differ():
    # A hook has moved it, or the path leads elsewhere: both count.
    path = f"{REPO}/mnt/m/{OTHER}/images/i/v"
    assert known(disk(path, domain=SD)) == [
        ("disk vda", Location(SD)),
        ("disk vda", location(OTHER)),
    ]


def test_metadata_of_a_disk_without_path():
    assert known(disk(domain=SD)) == [("disk vda", Location(SD))]


@pytest.mark.parametrize(
    "domain", ["x", f"{SD}\n", f"{SD};x", SD.upper(), ".."]
)
def test_metadata_that_is_no_uuid(domain):
    with pytest.raises(errors.VmUnclear, match="disk vda is on domain"):
        known(disk(domain=domain))


def test_text_of_the_xml_is_harmless_in_errors():
    with pytest.raises(errors.VmUnclear) as e:
        known(disk(target="\x1b[2J", domain="\xfc\u202e" * 1000))
    assert str(e.value).isascii() and str(e.value).isprintable()
    assert len(str(e.value)) < 500


def test_relative_name():
    # As libvirt has it, whose directory is the root.
    path = f"{REPO}/mnt/m/{SD}/images/i/v"[1:]
    assert known(disk(path)) == [("disk vda", location())]
    assert known(disk(f"a/{SD}/b")) == [
        ("disk vda", Location(SD, FILE, f"/a/{SD}", candidate=True))
    ]


@pytest.mark.parametrize(
    "path",
    [
        "\0",
        f"{REPO}/mnt/m/{SD}/\0",
        "\n",
        "$(reboot)",
        f"{REPO}/mnt/m/{SD}/../x",
        f"{REPO}/mnt/m/{SD}\n/images/i/v",
        "json:{}",
        f"nbd://{SD}",
    ],
)
def test_path_of_no_domain(path):
    assert known(disk(path)) == []


def test_longest_path():
    path = f"{REPO}/mnt/m/{SD}/images/" + "x" * links.MAX_PATH
    fits = path[: links.MAX_PATH]
    assert known(disk(fits)) == [("disk vda", location())]
    with pytest.raises(errors.VmUnclear, match="path of disk vda is too long"):
        known(disk(path[: links.MAX_PATH + 1]))


def test_every_source():
    paths = [f"{REPO}/mnt/m/{sd_id}/i/v" for sd_id in (SD, OTHER)]
    found = known(disk("/a", *paths), disk(*paths, target="vdb"))
    assert found == [
        (f"disk {target}", location(sd_id))
        for target in ("vda", "vdb")
        for sd_id in (SD, OTHER)
    ]


def test_every_name_on_the_way(tmp_path):
    (tmp_path / "a").symlink_to(f"{REPO}/mnt/m/{SD}/i/v")
    assert known(disk(f"{tmp_path}/a")) == [("disk vda", location())]
    (tmp_path / SD).mkdir()
    (tmp_path / SD / "a").symlink_to(f"{REPO}/mnt/m/{OTHER}/i/v")
    (tmp_path / "b").symlink_to(f"{SD}/a")
    assert known(disk(f"{tmp_path}/b")) == [
        ("disk vda", Location(SD, FILE, f"{tmp_path}/{SD}", candidate=True)),
        ("disk vda", location(OTHER)),
    ]


def test_a_domain_below_another(tmp_path):
    repo = str(tmp_path / "repo")
    above = f"{repo}/mnt/m/{SD}"
    below = f"{above}/images/{OTHER}"
    os.makedirs(f"{below}/dom_md")
    found = needs.Finder(repo, "/dev", [ROOT]).needs(
        Vm(disks=[disk(f"{below}/images/i/v")])
    )
    assert [n.location for n in found.known] == [
        Location(SD, FILE, above),
        Location(OTHER, FILE, below, candidate=True),
    ]
    # Images have UUIDs, too.
    os.rmdir(f"{below}/dom_md")
    found = needs.Finder(repo, "/dev", [ROOT]).needs(
        Vm(disks=[disk(f"{below}/images/i/v")])
    )
    assert [n.location for n in found.known] == [Location(SD, FILE, above)]


# Names that a network disk has


@pytest.mark.parametrize(
    "kind, protocol, count",
    [("name", "gluster", 1), ("name", "rbd", 0), ("name", "", 0)],
)
def test_network_disk(kind, protocol, count):
    name = f"v/{SD}/images/i/v"
    source = Source(kind, name, protocol)
    found = known(Disk(target="vda", sources=[source]))
    assert found == [("disk vda", Location(SD))] * count


def test_a_path_is_no_network_name():
    # "name" of a path, and a path that a protocol is beside.
    source = Source("name", f"{REPO}/mnt/m/{SD}/i/v", "nbd")
    assert known(Disk(sources=[source])) == []
    source = Source("file", f"{REPO}/mnt/m/{SD}/i/v", "nbd")
    assert len(known(Disk(sources=[source]))) == 1


def test_long_network_name():
    source = Source("name", "x" * 10**5, "https")
    assert known(Disk(sources=[source])) == []
