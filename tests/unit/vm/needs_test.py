# SPDX-License-Identifier: GPL-2.0-or-later
import functools
import os
import time

import pytest

from tests.support.hooks import domxmldata
from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm import links, needs
from vdsm_backup.vm import paths as vm_paths
from vdsm_backup.vm.domxml import Disk, Source, Vm, parse
from vdsm_backup.vm.paths import ANY, BLOCK, FILE, Location

SD, OTHER = domxmldata.SD1, domxmldata.SD2
REPO = domxmldata.REPO_ROOT
POOL = "5b1a9a4e-7c7b-4d9b-8a59-0d6e3c1f0001"
NAS = f"{REPO}/mnt/nas1.example.com:_export_data"
ROOT = Mount("/", "ext4", "/dev/vda1", "rw", "/")
MOUNTED = [
    ROOT,
    Mount(NAS, "nfs4", "nas1.example.com:/export/data", "rw", "/"),
    Mount(
        f"{REPO}/mnt/glusterSD/gl1.example.com:_vmstore", "fuse", "x", "", ""
    ),
]


def finder(table=(ROOT,)):
    return needs.Finder(REPO, "/dev", list(table))


def disk(*paths, target="vda", domain=None, **more):
    """domain: by VDSM's metadata."""
    sources = [Source("file", p) for p in paths]
    domains = [] if domain is None else [domain]
    return Disk(target=target, sources=sources, domains=domains, **more)


def known(*disks, leases=(), lease_paths=(), table=(ROOT,)):
    vm = Vm(disks=disks, leases=leases, lease_paths=lease_paths)
    return [(n.device, n.location) for n in finder(table).needs(vm).known]


def location(sd_id=SD, mount="m"):
    return Location(sd_id, FILE, f"{REPO}/mnt/{mount}/{sd_id}")


# Every form


@pytest.fixture
def sysfs(tmp_path, monkeypatch):
    """The names of dm-N that a sample asks for."""

    def make(dm):
        for device, name in dm.items():
            path = tmp_path / "block" / device / "dm"
            path.mkdir(parents=True)
            (path / "name").write_text(name + "\n")
        trace = functools.partial(links.trace, sysfs=str(tmp_path))
        monkeypatch.setattr(links, "trace", trace)

    return make


@pytest.mark.parametrize("table", [[ROOT], MOUNTED], ids=["bare", "mounted"])
@pytest.mark.parametrize("name", domxmldata.names())
def test_every_form(name, table, sysfs):
    sample = domxmldata.load(name)
    sysfs(sample.dm)
    found = finder(table).needs(parse(sample.xml))
    wanted = {
        (f"disk {target}", domain)
        for target, domains in sample.disks.items()
        for domain in domains
    }
    wanted |= {("a lease", domain) for domain in sample.leases}
    assert {(n.device, n.location.domain) for n in found.known} == wanted
    # A transient disk is known by the name of its file only.
    transient = name.startswith("transient")
    assert all(transient or not n.location.candidate for n in found.known)
    assert set(found.unresolved) <= {m.point for m in table[1:]}


def test_a_form_on_other_domains():
    new = "11111111-2222-4333-8444-555555555555"
    sample = domxmldata.load("file-mnt-1.xml", sd1=new)
    (need,) = finder().needs(parse(sample.xml)).known
    assert need.location == Location(new, FILE, f"{NAS}/{new}")


# A disk


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


# Leases


def test_lease():
    assert known(leases=[SD, SD, "other", SD.upper(), SD + "\n"]) == [
        ("a lease", Location(SD))
    ]


@pytest.mark.parametrize("lockspace", [SD, "other"])
def test_lease_by_its_path(lockspace):
    path = f"{REPO}/mnt/n/{SD}/dom_md/xleases"
    found = known(leases=[lockspace], lease_paths=[path])
    assert found == [("a lease", location(mount="n"))]


@pytest.mark.parametrize(
    "path", ["", f"LEASE-PATH:{OTHER}:{SD}", f"{REPO[1:]}/mnt/m/{SD}/a/b"]
)
def test_lease_whose_path_is_not_known(path):
    found = known(leases=[SD], lease_paths=[path])
    assert found == [("a lease", Location(SD))]


def test_lease_on_a_block_domain():
    found = known(leases=[SD], lease_paths=[f"/dev/{SD}/xleases"])
    assert found == [("a lease", Location(SD, BLOCK))]


def test_lease_whose_path_is_too_long():
    with pytest.raises(errors.VmUnclear, match="of a lease is too long"):
        known(lease_paths=["/x" * links.MAX_PATH])
    with pytest.raises(errors.VmUnclear, match="parts"):
        known(lease_paths=["/x" * 1000] * 21)


# One place a domain, if it can be


def test_duplicates():
    path = f"{REPO}/mnt/m/{SD}/i/v"
    assert known(disk(path, path + "2")) == [("disk vda", location())]


def test_known_by_its_uuid_and_by_its_place():
    path = f"{REPO}/mnt/m/{SD}/i/v"
    found = known(disk(domain=SD), disk(path, target="vdb"), leases=[SD])
    assert found == [
        ("disk vda", location()),
        ("disk vdb", location()),
        ("a lease", location()),
    ]


def test_a_candidate_is_not_where_a_domain_is():
    found = known(disk(f"/srv/{SD}/x", domain=SD))
    assert found == [
        ("disk vda", Location(SD)),
        ("disk vda", Location(SD, FILE, f"/srv/{SD}", candidate=True)),
    ]


def test_a_domain_at_two_places():
    # A replica beside its origin: each is asked.
    paths = [f"{REPO}/mnt/{m}/{SD}/i/v" for m in ("m", "n")]
    found = known(disk(*paths), leases=[SD])
    assert found[:2] == [
        ("disk vda", location()),
        ("disk vda", location(mount="n")),
    ]
    assert found[2] == ("a lease", location())


def test_block():
    found = known(disk(f"/dev/{SD}/v", domain=SD), leases=[OTHER])
    assert found == [
        ("disk vda", Location(SD, BLOCK)),
        ("a lease", Location(OTHER, ANY)),
    ]


def uuids(count):
    return [f"{n:08x}-0000-4000-8000-000000000000" for n in range(count)]


def test_many_places():
    paths = [f"{REPO}/mnt/m/{u}/i/v" for u in uuids(needs.MAX_LOCATIONS + 1)]
    assert len(known(disk(*paths[:-1], *paths[:-1]))) == needs.MAX_LOCATIONS
    with pytest.raises(errors.VmUnclear, match="more than 256 places"):
        known(disk(*paths))


def test_many_mounts():
    half = needs.MAX_LOCATIONS // 2
    points = [f"/m{n}" for n in range(half + 1)]
    table = [ROOT, *(Mount(p, "nfs", "nas:/", "rw", "/") for p in points)]
    domains = [Vm(leases=uuids(half)).leases]
    opened = disk(*(f"{p}/x" for p in points[:-1]))
    assert len(known(opened, leases=domains[0], table=table)) == half
    opened.sources.append(Source("file", f"{points[-1]}/x"))
    with pytest.raises(errors.VmUnclear, match="more than 256 places"):
        known(opened, leases=domains[0], table=table)


def test_many_disks_on_few_places():
    path = f"{REPO}/mnt/m/{SD}/i/v"
    found = known(*(disk(path, target=f"vd{n}") for n in range(2000)))
    assert len(found) == 2000


def test_paths_that_would_take_too_long():
    path = "/a" * 2000
    sources = [Source("file", path)] * (needs.MAX_PARTS // 2000 + 1)
    with pytest.raises(errors.VmUnclear, match="parts"):
        finder().needs(Vm(disks=[Disk(sources=[s]) for s in sources]))
    assert finder().needs(Vm(disks=[Disk(sources=sources[:1])])).known == []


def test_sources_without_a_slash():
    source = Source("file", "a")
    disks = [Disk(sources=[source] * (needs.MAX_PARTS + 1))]
    with pytest.raises(errors.VmUnclear, match="parts"):
        finder().needs(Vm(disks=disks))
    source = Source("name", "a", "gluster")
    disks = [Disk(sources=[source] * (needs.MAX_PARTS + 1))]
    with pytest.raises(errors.VmUnclear, match="parts"):
        finder().needs(Vm(disks=disks))


def test_many_disks_on_many_domains_by_metadata():
    """The metadata of one target is that of all disks with this target."""
    disks = [disk(domain=SD) for _ in range(2000)]
    assert len(known(*disks)) == 1
    for each in disks:
        each.domains.extend([SD] * 10)
    with pytest.raises(errors.VmUnclear, match="22000 parts"):
        known(*disks)


def test_links_that_name_too_many_places(tmp_path, mocker):
    """Not all names are made first, and then counted."""
    looked = mocker.spy(vm_paths, "locations")
    names = uuids(4000)
    paths = []
    for n in range(40):
        deep = "/".join(names[n * 100 : n * 100 + 100])
        (tmp_path / str(n)).symlink_to(f"/{deep}/x")
        paths.append(f"{tmp_path}/{n}")
    with pytest.raises(errors.VmUnclear, match="more than 256 places"):
        known(disk(*paths))
    assert looked.call_count < 20


def test_following_ends_at_the_deadline(tmp_path):
    limits = links.Limits(time.monotonic())
    late = needs.Finder(REPO, "/dev", [ROOT], limits)
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        late.needs(Vm(disks=[disk("/a")]))
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        late.needs(Vm(lease_paths=["/a"]))


# A domain within another one


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


# What is left to resolve


def test_open_paths():
    path = f"{NAS}/{SD}/images/i/v"
    found = finder(MOUNTED).needs(
        Vm(disks=[disk(path, f"{NAS}/x/../y"), disk(path, target="vdb")])
    )
    assert found.unresolved == {
        NAS: [
            ("disk vda", path),
            ("disk vda", f"{NAS}/x/../y"),
            ("disk vdb", path),
        ]
    }
    # The name tells enough of two; of the other nothing is known yet.
    assert [n.device for n in found.known] == ["disk vda", "disk vdb"]


def test_open_path_behind_a_link(tmp_path):
    (tmp_path / "a").symlink_to(f"{NAS}/x")
    found = finder(MOUNTED).needs(Vm(disks=[disk(f"{tmp_path}/a/y")]))
    assert found.unresolved == {NAS: [("disk vda", f"{NAS}/x/y")]}


def test_nothing_on_such_a_mount_is_touched(monkeypatch):
    touched = []
    monkeypatch.setattr(os, "readlink", touched.append)
    monkeypatch.setattr(links, "_readlink", touched.append)
    for call in ("stat", "lstat", "listdir", "open"):
        monkeypatch.setattr(os, call, lambda *args, **kwargs: 1 / 0)
    finder(MOUNTED).needs(Vm(disks=[disk(f"{NAS}/{SD}/images/i/v")]))
    assert touched == ["/rhev", "/rhev/data-center", f"{REPO}/mnt"]
