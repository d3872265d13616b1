# SPDX-License-Identifier: GPL-2.0-or-later
"""Which domains the leases of a VM are on."""

import pytest

from tests.support.vm.needing import OTHER, REPO, SD, known, location
from vdsm_backup import errors
from vdsm_backup.vm import links
from vdsm_backup.vm.paths import BLOCK, Location


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
