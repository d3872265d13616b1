# SPDX-License-Identifier: GPL-2.0-or-later
"""A domain of which only the UUID is known: VDSM's links, then all storage."""

import os

import pytest

from tests.support.storage.readplace import (
    FOUND,
    A,
    directory,
    read,
    read_soon,
)
from vdsm_backup import errors
from vdsm_backup.host.mounts import Mount
from vdsm_backup.lvm.scan import Scan
from vdsm_backup.storage import direct
from vdsm_backup.vm.paths import ANY, Location

POOL = "11111111-2222-3333-4444-555555555555"


def link(host, target, sd_id, pool=POOL):
    pool = os.path.join(host.repo, pool)
    os.makedirs(pool, exist_ok=True)
    os.symlink(target, os.path.join(pool, sd_id))


def test_by_the_link_of_vdsm(host, no_search):
    sd = host.domain(5)
    link(host, directory(host, sd), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_by_a_relative_link(host, no_search):
    sd = host.domain(5)
    link(host, os.path.relpath(directory(host, sd), f"{host.repo}/{POOL}"), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_by_the_link_of_a_block_domain(host, no_search, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    asked = lvm_sees({"/dev/x": FOUND})
    link(host, os.path.join(host.repo, "mnt", "blockSD", A), A)
    assert read(host, Location(A, ANY))["SDUUID"] == A
    assert asked == [["/dev/x"]]


# Comes before POOL.
OLD_POOL = "01111111-2222-3333-4444-555555555555"
NEW_POOL = "91111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("pool", [OLD_POOL, NEW_POOL])
@pytest.mark.parametrize(
    "stale", ["mnt/gone:_a/{}", "mnt/server:_data/gone/{}", "{}", "../{}"]
)
def test_a_link_that_leads_nowhere_is_passed_over(
    host, no_search, stale, pool
):
    sd = host.domain(5, BACKUP="True")
    link(host, directory(host, sd), sd)
    link(host, os.path.join(host.repo, stale.format(sd)), sd, pool)
    assert read(host, Location(sd, ANY))["BACKUP"] == "True"


def test_a_link_to_a_block_domain_that_is_gone(host, no_search, lvm_sees):
    host.reader._options.lvm_devices = ["/dev/x"]
    lvm_sees({"/dev/x": Scan([], {})})
    sd = host.domain(5)
    link(host, os.path.join(host.repo, "mnt", "blockSD", sd), sd, OLD_POOL)
    link(host, directory(host, sd), sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


@pytest.mark.parametrize("flagged", [0, 1])
def test_a_flag_counts_wherever_a_link_leads(host, no_search, flagged):
    mounts = [host.mount, host.add_mount("server:_copy")]
    link(host, f"{mounts[0]}/{A}", A, OLD_POOL)
    link(host, f"{mounts[1]}/{A}", A, POOL)
    for n, mount in enumerate(mounts):
        flag = {"BACKUP": "True"} if n == flagged else {}
        host.domain(5, mount=mount, sd_id=A, **flag)
    assert read(host, Location(A, ANY))["BACKUP"] == "True"


@pytest.mark.parametrize("flag", ["True", "False"])
def test_a_link_to_what_cannot_be_read(host, no_search, flag):
    """It hides no flag, and is no answer where no flag is."""
    broken = os.path.join(host.add_mount("server:_copy"), A)
    os.makedirs(os.path.join(broken, "dom_md", "metadata"))
    host.domain(5, sd_id=A, BACKUP=flag)
    link(host, broken, A, OLD_POOL)
    link(host, directory(host, A), A)
    if flag == "True":
        assert read(host, Location(A, ANY))["BACKUP"] == "True"
    else:
        with pytest.raises(errors.Error):
            read_soon(host, Location(A, ANY))


def test_all_links_lead_nowhere(host):
    sd = host.domain(5)
    link(host, f"{host.repo}/mnt/gone/{sd}", sd, OLD_POOL)
    link(host, f"{host.repo}/mnt/blockSD/{sd}", sd)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd
    with pytest.raises(errors.DomainNotFound):
        link(host, f"{host.repo}/mnt/gone/{A}", A)
        read(host, Location(A, ANY))


def test_no_link_is_looked_at_where_the_repository_could_hang(
    host, monkeypatch
):
    sd = host.domain(5)
    link(host, directory(host, sd), sd)
    table = [
        Mount("/", "ext4", "/dev/vda1", "rw", "/"),
        Mount(host.repo, "gfs2", "/dev/sdb", "rw", "/"),
    ]
    monkeypatch.setattr(direct.mounts, "table", lambda: table)
    monkeypatch.setattr(direct, "_listdir", lambda path: 1 / 0)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_a_link_to_another_domain_is_not_followed(host):
    sd = host.domain(5)
    link(host, directory(host, sd), A)
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))


def test_by_a_look_at_all_storage(host):
    sd = host.domain(5)
    assert read(host, Location(sd, ANY))["SDUUID"] == sd


def test_nowhere(host):
    with pytest.raises(errors.DomainNotFound):
        read(host, Location(A, ANY))
