# SPDX-License-Identifier: GPL-2.0-or-later
"""
Two VDSM hosts with real sanlock daemons on shared storage: a file system on a
loop device that both of them mount, each in its own repository, as VDSM
mounts a POSIX domain.
"""

import contextlib
import os

import pytest

from tests.support import outside
from tests.support.hooks import needs
from tests.support.lease import sanlockd
from tests.support.storage import loop
from tests.support.vdsm.shared import Shared
from tests.support.vdsm.vdsmhost import Failed
from tests.vdsm.inside import storage
from vdsm_backup import errors

pytestmark = [
    pytest.mark.slow("two VDSMs join a lockspace"),
    needs.needs_sanlock,
    pytest.mark.skipif(bool(loop.missing()), reason=loop.missing()),
]

MIB = 1024**2


@pytest.fixture
def shared(directory):
    return lambda name: Shared(directory, name)


@pytest.fixture
def hosts(start):
    """Two of them."""
    with contextlib.ExitStack() as stack:
        daemons = [
            stack.enter_context(sanlockd.Host(f"host{n}", aio=True))
            for n in (1, 2)
        ]

        def make(plugin=True):
            return [
                start(f"h{n}", sanlock=d, host_id=n, plugin=plugin)
                for n, d in enumerate(daemons, 1)
            ]

        yield make


@pytest.fixture
def pool(shared):
    def make(one, version=5):
        master, regular = shared("one"), shared("two")
        master.create(one, version)
        regular.create(one, version)
        sp_id = one.pool(master.sd_id, regular.sd_id)
        return sp_id, master, regular

    return make


def join(host, sp_id, *domains):
    for domain in domains:
        domain.connect(host)
    host.join(sp_id, *[d.sd_id for d in domains])


@pytest.mark.parametrize("version", [4, 5])
def test_set_on_one_and_read_on_the_other(hosts, pool, version):
    one, two = hosts()
    sp_id, master, regular = pool(one, version)
    join(two, sp_id, master, regular)
    for domain in (master, regular):
        two.info(domain.sd_id)
        assert one.set_backup(domain.sd_id)["changed"]
        assert two.get_backup(domain.sd_id)["backup"] is True
        with pytest.raises(Failed) as e:
            two.set_backup(domain.sd_id, False)
        assert e.value.code == 654


def test_a_new_spm_keeps_the_flag_that_the_old_one_set(hosts, pool):
    one, two = hosts()
    sp_id, master, regular = pool(one)
    join(two, sp_id, master, regular)
    for domain in (master, regular):
        # In its memory, without the flag.
        two.info(domain.sd_id)
        one.set_backup(domain.sd_id)
    one.stop_spm(sp_id)
    two.become_spm(sp_id)
    for domain in (master, regular):
        two.describe(domain.sd_id, "new name")
        found = outside.values(domain.metafile(two))
        assert found["DESCRIPTION"] == "new name"
        assert found["BACKUP"] == "True"
        two.set_backup(domain.sd_id, False)
        assert one.get_backup(domain.sd_id)["backup"] is False


def test_a_new_spm_without_the_plugin_loses_it(hosts, pool, start):
    """The warning that `set` gives, of hosts that do not have it."""
    one, two = hosts(plugin=False)
    sp_id, master, regular = pool(one)
    join(two, sp_id, master, regular)
    two.info(regular.sd_id)
    outside.put_flag(regular.metafile(one))
    one.stop_spm(sp_id)
    two.become_spm(sp_id)
    two.describe(regular.sd_id, "new name")
    assert outside.read_flag(regular.metafile(two)).value is False


def sdm_owners(host, domain):
    leases = os.path.join(os.path.dirname(domain.metafile(host)), "leases")
    return host.do(storage.sdm_owners, domain.sd_id, leases, MIB)


def test_the_spm_keeps_sdm_on_the_master_and_gives_it_back_elsewhere(
    hosts, pool
):
    one, _ = hosts()
    _, master, regular = pool(one, 4)
    assert sdm_owners(one, master) == [1]
    for domain in (master, regular):
        one.set_backup(domain.sd_id)
    assert sdm_owners(one, master) == [1]
    assert sdm_owners(one, regular) == []


def test_lease_that_another_host_has(hosts, pool):
    one, two = hosts()
    sp_id, master, regular = pool(one)
    join(two, sp_id, master, regular)
    two.do(storage.take_lease, regular.sd_id)
    with pytest.raises(Failed) as e:
        one.set_backup(regular.sd_id)
    assert e.value.code == errors.LeaseBusy.code
    assert "BACKUP" not in outside.values(regular.metafile(one))
    two.do(storage.give_lease_back, regular.sd_id)
    assert one.set_backup(regular.sd_id)["changed"]


def test_import_by_another_pool(hosts, pool, shared):
    """The site is lost; another host takes the domain over by force."""
    one, two = hosts()
    _, _, regular = pool(one)
    one.set_backup(regular.sd_id)
    one.stop()

    other_master = shared("three")
    other_master.create(two, 5)
    regular.connect(two)
    # What the engine does to a domain that still names a pool.
    outside.put(
        regular.metafile(two),
        {**outside.values(regular.metafile(two)), "POOL_UUID": ""},
    )
    sp_id = two.pool(other_master.sd_id)
    two.attach(sp_id, regular.sd_id)
    assert two.get_backup(regular.sd_id)["backup"] is True
    two.describe(regular.sd_id, "taken over")
    assert outside.read_flag(regular.metafile(two)).value is True
