# SPDX-License-Identifier: GPL-2.0-or-later
"""
A flagged domain that becomes the master of its pool, by a real VDSM: the
journal is warned once, by whatever sees it first.
"""

import pytest

from tests.support import outside
from tests.support.vdsm import vdsmguest as guests
from tests.support.vdsm.vdsmguest import Guest
from tests.vdsm.inside import guard


@pytest.fixture
def pool(host):
    """The master of a pool, and another domain: [(UUID, metafile), ...]"""
    domains = [host.local_domain(name=name) for name in ("first", "second")]
    host.sp_id = host.pool(*(sd_id for sd_id, _ in domains))
    host.do(guard.record_journal)
    return domains


def warned(host):
    """UUIDs of the domains, once for each warning."""
    entries = host.run("say(cif.entries)")[0]
    return [e["domain"] for e in entries if "master domain" in e["message"]]


def test_a_flagged_domain_is_elected(host, pool):
    (old, _), (new, metafile) = pool
    host.set_backup(new)
    assert warned(host) == []
    host.deactivate(host.sp_id, old, master=new, version=2)
    assert outside.values(metafile)["ROLE"] == "Master"
    assert warned(host) == [new]
    (entry,) = [
        e
        for e in host.run("say(cif.entries)")[0]
        if "master domain" in e["message"]
    ]
    assert entry["message"].startswith("Backup domain second is the master")
    assert (entry["priority"], entry["name"]) == (4, "second")
    # No more of it, whatever reads or writes.
    for _ in range(2):
        assert host.info(new)["backup"] is True
        host.set_backup(new, reason="another one")
        host.describe(new, "third")
    assert warned(host) == [new]


def test_the_flag_of_a_master_is_set(host, pool):
    (master, _), _ = pool
    host.set_backup(master)
    assert warned(host) == [master]
    host.set_backup(master, False, "not here")
    host.set_backup(master)
    assert warned(host) == [master] * 2


def test_one_that_was_set_elsewhere_is_seen_by_getInfo(host, pool):
    (master, metafile), _ = pool
    outside.put_flag(metafile)
    for _ in range(2):
        assert host.info(master)["backup"] is True
    assert warned(host) == [master]


def test_and_by_a_vm_that_is_refused(host, pool):
    (master, metafile), _ = pool
    disk = guests.disk(host, host.sp_id, master)
    outside.put_flag(metafile)
    for name in ("web1", "web2"):
        assert "(error 994)" in Guest(host, disk, name=name).start()
    assert warned(host) == [master]
