# SPDX-License-Identifier: GPL-2.0-or-later
"""
Domains of which the verbs say, or change, less than of a regular one: of no
pool, or of another; without metadata that can have a flag; that of the hosted
engine.
"""

import uuid

from tests.support import outside
from tests.support.vdsm.refusals import refused
from tests.vdsm.inside import storage
from vdsm_backup import errors
from vdsm_backup.metadata import flag


def test_domain_of_no_pool(host):
    sd_id, metafile = host.local_domain()
    assert host.get_backup(sd_id)["backup"] is False
    refused(errors.DomainDetached, host.set_backup, sd_id)
    outside.put_flag(metafile)
    assert host.get_backup(sd_id)["backup"] is True


def test_domain_that_the_pool_has_given_up(host, sd):
    """A forced detach leaves the pool in its metadata."""
    sp_id = outside.values(sd[1])["POOL_UUID"]
    host.deactivate(sp_id, sd[0])
    host.detach(sp_id, sd[0], force=True)
    assert outside.values(sd[1])["POOL_UUID"] == sp_id
    not_a_member = 375  # StorageDomainNotMemberOfPool
    refused(not_a_member, host.set_backup, sd[0])
    assert flag.BACKUP not in outside.values(sd[1])


def test_domain_that_another_pool_took_meanwhile(host, sd):
    other = {**outside.values(sd[1]), "POOL_UUID": str(uuid.uuid4())}
    outside.put(sd[1], other)
    found = host.do(storage.set_by_its_pool, sd[0], host.config)
    assert found == errors.MetadataChanged.code
    assert outside.values(sd[1]) == other


def test_metadata_without_the_identity_says_nothing_of_a_flag(host, sd):
    """VDSM goes on with it, and reads a missing file as empty."""
    values = outside.values(sd[1])
    del values["SDUUID"]
    outside.put(sd[1], values)
    info = host.info(sd[0])
    assert (info["uuid"], "backup" in info) == (sd[0], False)


def test_domain_that_is_not_there(host):
    sd_id = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
    refused(errors.DomainNotFound, host.set_backup, sd_id)
    refused(errors.DomainNotFound, host.get_backup, sd_id)


def test_version_without_a_flag(host):
    sd_id, _ = host.local_domain(3)
    refused(errors.UnsupportedVersion, host.get_backup, sd_id)


def test_domain_of_the_hosted_engine(host, sd):
    host.do(storage.be_hosted_engines, sd[0])
    refused(errors.HostedEngineDomain, host.set_backup, sd[0])
    host.set_backup(sd[0], False)
