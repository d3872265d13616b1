# SPDX-License-Identifier: GPL-2.0-or-later
"""What a path meets on its way, and what only looks like a domain."""

import os
import uuid

import pytest

from tests.support.hooks import vmxml
from tests.support.hooks.hookhost import assert_allowed, assert_refused
from tests.support.hooks.needs import needs_fuse
from tests.support.processes.namespace import Namespace, needs_namespace
from tests.support.storage import filedomain, hangfs
from tests.support.storage.blocktools import needs_block
from vdsm_backup.lvm.scan import DOMAIN_TAG
from vdsm_backup.metadata.lines import flush

pytest_plugins = ["tests.support.hooks.hookfixtures"]

FLAGGED = {"BACKUP": "True", "BACKUP_REASON": "nightly copies of site A"}

# Comes before vmxml.POOL.
OLD_POOL = "01111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def share(shared_host):
    """A domain on a mount that could hang; `top` is the mount elsewhere."""
    path = shared_host.cli.add_mount("server:_share")
    with hangfs.Hangfs() as fs, Namespace() as ns:
        ns.bind(fs.mount, path)
        shared_host.as_user = ns.enter()
        domain = shared_host.file_domain(mount=path, name="share")
        # Made before the mount was there to us: it is in the namespace only.
        os.rename(domain.directory, os.path.join(fs.root, domain.sd_id))
        domain.top, domain.mount = fs.root, fs.root
        yield domain
    shared_host.as_user = []


def start_path(guarded_host, path, **more):
    return guarded_host.start(vmxml.vm(vmxml.disk(path, **more)))


@needs_fuse
@needs_namespace
class TestOnAMountThatCouldHang:
    def test_a_link_to_a_volume(self, guarded_host, share, san_flagged):
        """Its end is /dev/dm-N, which tells of no domain."""
        os.symlink(san_flagged.path, os.path.join(share.top, "volume"))
        link = os.path.join(os.path.dirname(share.directory), "volume")
        assert_refused(start_path(guarded_host, link), 994)

    def test_a_flagged_domain_below_a_healthy_one(self, guarded_host, share):
        images = os.path.join(share.top, share.sd_id, "images")
        sd_id = filedomain.make(images, **FLAGGED)
        seen = os.path.join(share.directory, "images", sd_id, "images/i/v")
        assert_refused(start_path(guarded_host, seen), 994)
        assert_allowed(guarded_host.start(vmxml.vm(share.disk())))


@pytest.fixture
def san_flagged(san):
    """As udev makes it, /dev/<VG>/<LV> is a link to the device."""
    os.makedirs(os.path.dirname(san.path), exist_ok=True)
    os.symlink("../dm-7", san.path)
    san.flag("True")
    yield san
    san.flag(None)
    os.unlink(san.path)


def test_a_flagged_domain_below_a_healthy_one(guarded_host, other):
    images = os.path.join(other.directory, "images")
    sd_id = filedomain.make(images, **FLAGGED)
    for path in (f"{sd_id}/images/i/v", f"{sd_id}/v"):
        assert_refused(
            start_path(guarded_host, os.path.join(images, path)), 994
        )
    filedomain.put(images, sd_id, flush(filedomain.metadata(sd_id)))
    assert_allowed(start_path(guarded_host, os.path.join(images, sd_id, "v")))


def test_links_that_multiply_their_parts(guarded_host, other, tmp_path):
    count = 30
    for n in range(count):
        (tmp_path / str(n)).symlink_to("./x/../" * 500 + str(n + 1))
    (tmp_path / "x").mkdir()
    disks = [
        vmxml.disk(f"{tmp_path}/{'./' * n}0", target=f"vd{n}")
        for n in range(9)
    ]
    outcome = guarded_host.start(vmxml.vm(*disks))
    assert_refused(outcome, 996)
    assert "parts" in outcome.err


def test_sources_without_a_slash(guarded_host):
    sources = "<source file='a'/>" * 200_000
    disk = vmxml.disk("/a", more=f"<x>{sources}</x>")
    outcome = guarded_host.start(vmxml.vm(disk))
    assert_refused(outcome, 996)
    assert "parts" in outcome.err


# Of a domain only the UUID is known


@pytest.mark.parametrize("flag", ["True", None])
def test_a_stale_link_in_the_directory_of_another_pool(
    guarded_host, nfs, flag
):
    nfs.flag(flag)
    pool = os.path.join(guarded_host.cli.repo, OLD_POOL)
    os.makedirs(pool)
    link = os.path.join(pool, nfs.sd_id)
    os.symlink(f"{guarded_host.cli.repo}/mnt/gone:_a/{nfs.sd_id}", link)
    try:
        outcome = guarded_host.start(vmxml.vm(claims=[vmxml.claim(nfs.sd_id)]))
        lease = guarded_host.start(vmxml.vm(vmxml.lease(nfs.sd_id)))
    finally:
        os.unlink(link)
        os.rmdir(pool)
    assert_allowed(outcome)
    if flag:
        assert_refused(lease, 994)
    else:
        assert_allowed(lease)


# What is no domain


def test_a_directory_with_an_empty_dom_md(guarded_host, tmp_path):
    directory = tmp_path / str(uuid.uuid4())
    os.makedirs(directory / "dom_md")
    assert_allowed(start_path(guarded_host, str(directory / "x")))
    os.mkdir(directory / "dom_md" / "metadata")
    assert_refused(start_path(guarded_host, str(directory / "x")), 995)


@needs_block
def test_a_vg_that_is_not_vdsms_and_is_named_by_a_uuid(guarded_host, san):
    tags = san.block.tags()
    san.block.change_tags(delete=tags)
    try:
        for name in ("device", "mapper"):
            assert_allowed(guarded_host.start(vmxml.vm(san.disk(name))))
        # One that has lost its tag, and is VDSM's.
        san.flag("True")
        assert DOMAIN_TAG not in san.block.tags()
        assert_refused(guarded_host.start(vmxml.vm(san.disk())), 995)
    finally:
        san.block.change_tags(add=tags)
