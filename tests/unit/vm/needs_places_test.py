# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain is one place, if it can be."""

from tests.support.vm.needing import OTHER, REPO, SD, disk, known, location
from vdsm_backup.vm.paths import ANY, BLOCK, FILE, Location


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
