# SPDX-License-Identifier: GPL-2.0-or-later
"""
Locks between two hosts: sanlock's leases, which are written with O_DIRECT,
and those of qemu on images, which are byte-range locks of the file system.
"""

import contextlib
import os
import uuid
from concurrent import futures

import pytest

from tests.e2e.cluster import hosts
from tests.support.lease import sanlockd
from tests.support.processes import qemu

# src/sanlock_rv.h, SANLK_ACQUIRE_OWNED: another host has it.
OWNED = -243

needs_qemu = pytest.mark.skipif(bool(qemu.missing()), reason=qemu.missing())


@contextlib.contextmanager
def joined(both, domain):
    """The hosts are in the lockspace, as 1 and 2; gives the lease of each."""
    leases = [host.lease(domain) for host in both]
    daemons = [host.sanlock for host in both]
    with futures.ThreadPoolExecutor(len(both)) as pool:
        list(pool.map(sanlockd.Host.join, daemons, leases, (1, 2)))
        yield leases
        list(pool.map(sanlockd.Host.leave, daemons, leases, (1, 2)))


def test_one_lease_for_two_hosts(kind, both):
    one, two = both
    domain = hosts.make_domain(one, 5, "lease", kind)
    with joined(both, domain) as (here, there):
        # A host that is alive may take the lease at any time.
        error = two.refuses("set", domain.sd_id, "--reason", "why")
        assert error["code"] == 974
        assert ", host ids: 1" in error["message"]
        with one.sanlock.holding(here):
            assert two.sanlock.acquire(there) == OWNED
        with two.sanlock.holding(there):
            assert one.sanlock.acquire(here) == OWNED


@needs_qemu
@pytest.mark.parametrize("version", [4, 5])
def test_image_that_a_vm_of_one_host_has_open(kind, both, cluster, version):
    one, two = both
    domain = hosts.make_domain(one, version, f"vm{version}", kind)
    image, volume = str(uuid.uuid4()), str(uuid.uuid4())
    os.mkdir(one.path(domain, "images", image))
    path = one.path(domain, "images", image, volume)
    with open(path, "wb") as f:
        f.truncate(1024**2)
    for made in (one.path(domain, "images", image), path):
        os.chown(made, *hosts.OWNER)
    args = ["set", domain.sd_id, "--reason", "why"]
    # As VDSM starts it: cache=none is O_DIRECT.
    with qemu.vm(cluster.dir, f"file={path},format=raw,if=virtio,cache=none"):
        for host in (two, one):
            error = host.refuses(*args)
            assert error["code"] == 975
            assert (
                f"image {image}/{volume} is open for wri" in error["message"]
            )
            users = host.does("show", domain.sd_id)["users"]
            assert len(users["images"]) == 1
            assert [n for n in users["notes"] if "could not be" in n] == []
    for host in both:
        assert host.does(*args, "--dry-run")["changed"]
        assert host.does("show", domain.sd_id)["users"]["images"] == []
