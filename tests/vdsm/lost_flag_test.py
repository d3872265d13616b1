# SPDX-License-Identifier: GPL-2.0-or-later
"""
A flag that others set is never lost by what VDSM does; and the loss without
the plugin, which is why there is one.

Others are played by a write of the metadata behind VDSM's back, when VDSM has
it in memory.
"""

import os
import threading
import time
import uuid

import pytest

from tests.support import outside
from tests.support.outside import FLAG
from tests.support.vdsm import inside
from tests.support.vdsm.vdsmhost import Failed
from tests.support.waiting import wait_until
from tests.vdsm.inside import storage

NOT_FOUND = 364  # StorageDomainMetadataNotFound


def known_and_flagged(host, metafile, sd_id):
    """VDSM has it in memory without a flag; on storage it has one."""
    host.info(sd_id)
    outside.put_flag(metafile)


@pytest.mark.parametrize("version", [4, 5])
def test_vdsm_without_the_plugin_loses_the_flag(start, version):
    host = start(plugin=False)
    sd_id, metafile = host.local_domain(version)
    host.pool(sd_id)
    known_and_flagged(host, metafile, sd_id)
    host.describe(sd_id, "new name")
    assert outside.values(metafile)["DESCRIPTION"] == "new name"
    assert outside.read_flag(metafile).value is False


@pytest.mark.parametrize("version", [4, 5])
def test_description(host, version):
    sd_id, metafile = host.local_domain(version)
    host.pool(sd_id)
    known_and_flagged(host, metafile, sd_id)
    host.describe(sd_id, "new name")
    assert outside.values(metafile)["DESCRIPTION"] == "new name"
    assert outside.read_flag(metafile) == FLAG


@pytest.fixture
def pool(host):
    """(pool, master, regular): domains as (UUID, path of metadata)."""
    one, two = host.local_domain(), host.local_domain()
    return host.pool(one[0], two[0]), one, two


@pytest.mark.parametrize("forced", [False, True])
def test_detach_and_attach_to_another_pool(host, start, pool, forced):
    sp_id, master, (sd_id, metafile) = pool
    host.deactivate(sp_id, sd_id)
    known_and_flagged(host, metafile, sd_id)
    host.detach(sp_id, sd_id, forced)
    host.stop_spm(sp_id)
    host.leave(sp_id)
    if forced:
        # The pool is gone from the view of the next one only when this host
        # says so: forced detach leaves the domain as it is.
        assert outside.values(metafile)["POOL_UUID"] == sp_id
        outside.put(metafile, {**outside.values(metafile), "POOL_UUID": ""})
    assert outside.read_flag(metafile) == FLAG

    other_master, _ = host.local_domain()
    other = host.pool(other_master)
    outside.put_flag(metafile)
    host.attach(other, sd_id)
    assert outside.values(metafile)["POOL_UUID"] == other
    assert outside.read_flag(metafile) == FLAG
    host.set_backup(sd_id, False, "of the other pool now")
    assert outside.read_flag(metafile).value is False


def test_format_of_another_domain(host, pool):
    sp_id, master, (sd_id, metafile) = pool
    third, third_metafile = host.local_domain()
    known_and_flagged(host, metafile, sd_id)
    host.call("StorageDomain.format", storagedomainID=third, autoDetach=False)
    assert not os.path.exists(third_metafile)
    assert outside.read_flag(metafile) == FLAG


def test_reconstruct_master(host, pool):
    sp_id, (old, old_metafile), (new, new_metafile) = pool
    host.stop_spm(sp_id)
    host.leave(sp_id)
    known_and_flagged(host, new_metafile, new)
    outside.put_flag(old_metafile)
    host.call(
        "StoragePool.reconstructMaster",
        storagepoolID=sp_id,
        hostId=host.host_id,
        name="pool",
        masterSdUUID=new,
        masterVersion=2,
        domainDict={new: "active", old: "attached"},
        lockRenewalIntervalSec=5,
        leaseTimeSec=60,
        ioOpTimeoutSec=10,
        leaseRetries=3,
    )
    assert outside.values(new_metafile)["ROLE"] == "Master"
    assert outside.read_flag(new_metafile) == FLAG
    assert outside.read_flag(old_metafile) == FLAG


def test_master_migration(host, pool):
    sp_id, (old, old_metafile), (new, new_metafile) = pool
    known_and_flagged(host, old_metafile, old)
    known_and_flagged(host, new_metafile, new)
    host.deactivate(sp_id, old, master=new, version=2)
    assert outside.values(new_metafile)["ROLE"] == "Master"
    assert outside.values(old_metafile)["ROLE"] == "Regular"
    assert outside.read_flag(old_metafile) == FLAG
    assert outside.read_flag(new_metafile) == FLAG


def test_conversion_to_v5(host):
    sd_id, metafile = host.local_domain(4)
    sp_id = host.pool(sd_id, spm=False)
    known_and_flagged(host, metafile, sd_id)
    host.become_spm(sp_id, version=5)
    after = outside.values(metafile)
    assert (after["VERSION"], after["BLOCK_SIZE"]) == ("5", "512")
    assert outside.read_flag(metafile) == FLAG
    assert host.get_backup(sd_id)["backup"] is True


def test_conversion_of_a_regular_domain(host):
    one, two = host.local_domain(4), host.local_domain(4)
    sp_id = host.pool(one[0], two[0], spm=False)
    known_and_flagged(host, two[1], two[0])
    host.become_spm(sp_id, version=5)
    wait_until(lambda: outside.values(two[1])["VERSION"] == "5", pause=0.1)
    assert outside.read_flag(two[1]) == FLAG


# Metadata that is missing


def test_vdsm_without_the_plugin_writes_what_is_no_metadata(start):
    """ENOENT reads as an empty dict; the next change stores all of it."""
    host = start(plugin=False)
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    os.rename(metafile, metafile + ".away")
    host.do(storage.describe_stale, sd_id, "x")
    assert outside.values(metafile) == {"DESCRIPTION": "x"}


def test_nothing_is_written_while_the_metadata_is_missing(host):
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    os.rename(metafile, metafile + ".away")
    host.do(inside.retry_for, 1)
    assert host.do(storage.describe_stale, sd_id, "x") == NOT_FOUND
    assert not os.path.exists(metafile)
    with pytest.raises(Failed):
        host.describe(sd_id, "y")
    assert not os.path.exists(metafile)
    os.rename(metafile + ".away", metafile)
    host.info(sd_id)
    host.describe(sd_id, "y")
    assert outside.values(metafile)["DESCRIPTION"] == "y"


def test_metadata_that_comes_back_is_waited_for(host):
    """Another host replaces it on a file system that shows the gap."""
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    outside.put_flag(metafile)
    os.rename(metafile, metafile + ".away")
    back = threading.Timer(1, os.rename, (metafile + ".away", metafile))
    back.start()
    host.describe(sd_id, "y")
    back.join()
    assert outside.values(metafile)["DESCRIPTION"] == "y"
    assert outside.read_flag(metafile) == FLAG


def test_whole_update_does_not_pass_for_a_creation_over_missing(host):
    """setMetadata() replaces all values, but in a transaction of its own."""
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    os.rename(metafile, metafile + ".away")
    host.do(inside.retry_for, 1)
    whole = {"VERSION": 5, "SDUUID": sd_id, "DESCRIPTION": "x"}
    assert host.do(storage.set_metadata, sd_id, whole) == NOT_FOUND
    assert not os.path.exists(metafile)


# Live dicts of one domain


def test_two_live_dicts_and_many_threads(host):
    """Each change starts from storage, so none takes back another's."""
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    host.do(storage.change_by_threads, metafile, sd_id)
    keys = {k for k in outside.values(metafile) if k.startswith("KEY_")}
    assert len(keys) == 40


def test_creation_of_a_domain_does_not_wait(host):
    started = time.monotonic()
    host.do(inside.retry_for, 60)
    sd_id, metafile = host.local_domain()
    assert outside.values(metafile)["SDUUID"] == sd_id
    # It would have waited for all of the minute.
    assert time.monotonic() - started < 50


def test_transaction_that_fails_changes_nothing(host):
    sd_id, metafile = host.local_domain()
    host.pool(sd_id)
    outside.put_flag(metafile)
    before = outside.values(metafile)
    host.do(storage.fail_in_a_transaction, sd_id)
    assert outside.values(metafile) == before
    host.describe(sd_id, str(uuid.uuid4()))
    assert outside.read_flag(metafile) == FLAG
