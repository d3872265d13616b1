# SPDX-License-Identifier: GPL-2.0-or-later
"""How many places and how long paths a VM may need."""

import time

import pytest

from tests.support.vm.mounttable import ROOT
from tests.support.vm.needing import REPO, SD, disk, finder, known, uuids
from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.vm import links, needs
from vdsm_backup.vm import paths as vm_paths
from vdsm_backup.vm.domxml import Disk, Source, Vm


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
