# SPDX-License-Identifier: GPL-2.0-or-later
"""
Storage domains, data centers, hosts and their hooks: what of them the bridge
reads. Changes nothing.
"""

import re
import uuid

import pytest

pytest.importorskip("ovirtsdk4", reason="needs ovirt-engine-sdk-python")

from vdsm_backup import errors  # noqa: E402
from vdsm_backup.bridge import host_hooks, inventory  # noqa: E402

pytest_plugins = ["tests.support.bridge.fixtures"]

# Of ovirt-engine-api-model, types/{DataCenter,StorageDomain,Host}Status.java
CENTERS = {
    *("contend", "maintenance", "not_operational", "problematic"),
    *("uninitialized", "up"),
}
ATTACHED = {
    *("activating", "active", "detaching", "inactive", "locked"),
    *("maintenance", "mixed", "preparing_for_maintenance", "unattached"),
    "unknown",
}
HOSTS = {
    *("connecting", "down", "error", "initializing", "install_failed"),
    *("installing", "installing_os", "kdumping", "maintenance"),
    *("non_operational", "non_responsive", "pending_approval"),
    *("preparing_for_maintenance", "reboot", "unassigned", "up"),
}


def listed(tested, path):
    reply = tested.rest().get(path)
    assert reply.status == 200, reply.body
    assert reply.headers["Content-Type"].startswith("application/xml")
    return {row.get("id"): row for row in reply.xml}


def centers_of(row):
    return [c.get("id") for c in row.findall("data_centers/data_center")]


def test_each_domain_is_read(tested, engine):
    rows = listed(tested, "storagedomains")
    found = {domain.id: domain for domain in engine.domains()}
    assert found.keys() == rows.keys()
    assert found, "there is none"
    for sd_id, row in rows.items():
        domain = found[sd_id]
        assert row.findtext("backup") in ("true", "false")
        assert domain.box == (row.findtext("backup") == "true")
        assert domain.name == row.findtext("name") != ""
        assert domain.kind == row.findtext("type")
        assert domain.is_master == (row.findtext("master") == "true")
        assert list(domain.data_centers) == centers_of(row)
        assert len(domain.data_centers) <= 1 or domain.kind == "iso"


def test_one_domain_is_what_the_list_has_of_it(engine):
    for domain in engine.domains():
        assert engine.domain(domain.id) == domain


def test_status_outside_of_a_data_center(tested):
    """`unattached`, or none at all."""
    for sd_id, row in listed(tested, "storagedomains").items():
        (one,) = [tested.rest().get(f"storagedomains/{sd_id}").xml]
        for found in (row, one):
            if centers_of(row):
                assert found.find("status") is None
            else:
                assert found.findtext("status") == "unattached"


def test_status_in_a_data_center(tested, engine):
    outside = listed(tested, "storagedomains")
    inside = {}
    for center in engine.data_centers():
        rows = listed(tested, f"datacenters/{center.id}/storagedomains")
        statuses = engine.statuses(center.id)
        assert statuses.keys() == rows.keys()
        for sd_id, row in rows.items():
            assert row.findtext("status") == statuses[sd_id]
            assert statuses[sd_id] in ATTACHED
            assert center.id in centers_of(outside[sd_id])
            assert row.findtext("backup") == outside[sd_id].findtext("backup")
        inside.update(rows)
    attached = {sd_id for sd_id in outside if centers_of(outside[sd_id])}
    assert inside.keys() == attached


def test_domain_that_is_not_there(tested, engine):
    nowhere = str(uuid.uuid4())
    assert tested.rest().get(f"storagedomains/{nowhere}").status == 404
    with pytest.raises(errors.EngineRefused) as caught:
        engine.domain(nowhere)
    assert caught.value.status == 404


def test_data_centers(tested, engine):
    rows = listed(tested, "datacenters")
    found = engine.data_centers()
    assert {center.id for center in found} == rows.keys()
    for center in found:
        assert center.name == rows[center.id].findtext("name") != ""
        assert center.status in CENTERS


def test_hosts(tested, engine):
    rows = listed(tested, "hosts")
    hosts = engine.hosts()
    centers = {center.id for center in engine.data_centers()}
    assert {host.id for host in hosts} == rows.keys()
    for host in hosts:
        assert host.status in HOSTS
        assert host.address and host.ssh_user
        assert 0 < host.ssh_port < 65536
        assert host.data_center in centers, "follow=cluster tells it"
        assert rows[host.id].findtext("spm/status") in (
            *("none", "contending", "spm"),
        )


def test_data_center_of_a_host_is_not_told_unasked(tested):
    """So `follow` is needed: the bridge asks for it."""
    for row in listed(tested, "hosts").values():
        assert row.find("cluster").get("id")
        assert row.find("cluster/data_center") is None


def test_one_spm_at_most(engine):
    hosts = engine.hosts()
    for center in engine.data_centers():
        found = [
            host
            for host in hosts
            if host.data_center == center.id and host.is_spm
        ]
        assert len(found) <= 1
        if center.status == "up" and found:
            assert inventory.spm_of(hosts, center.id) == found[0]


def test_a_host_is_known_by_its_key(engine):
    """Of a host that was added before 4.4 there is a fingerprint only."""
    for host in engine.hosts():
        if host.status not in ("install_failed", "installing"):
            assert host.ssh_key or host.ssh_fingerprint
        if host.ssh_key:
            assert re.match(r"(ssh|ecdsa)-\S+ \S+", host.ssh_key)


def test_hooks(tested, engine):
    for host in engine.hosts():
        rows = listed(tested, f"hosts/{host.id}/hooks")
        hooks = engine.hooks(host.id)
        assert len(hooks) == len(rows)
        for hook in hooks:
            assert hook.name and hook.event_name
            # SHA-256, whatever the element is called.
            assert re.fullmatch("[0-9a-f]{64}", hook.checksum)
        assert host_hooks.compare(host, hooks).hook in (
            *(host_hooks.OK, host_hooks.MISSING, host_hooks.OTHER),
        )


def test_hooks_of_a_host_that_is_not_there(engine):
    assert engine.hooks(str(uuid.uuid4())) == []


def test_an_inventory_of_all(engine):
    found = inventory.Inventory(engine, None)
    for domain in found.domains.values():
        place = found.place(domain)
        if not domain.data_centers:
            assert place.obstacle == inventory.UNATTACHED
        elif domain.kind == inventory.DATA:
            assert place.data_center
            assert place.obstacle or place.spm
