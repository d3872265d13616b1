# SPDX-License-Identifier: GPL-2.0-or-later
"""
One cluster file system after the other, each with two hosts. This wants no
virtual machine: a FUSE mount is a host's whole view of such a file system.
"""

import pytest

from tests.e2e.cluster import ceph, gluster, hosts
from tests.support.lease import sanlockd

KINDS = {"gluster": gluster, "ceph": ceph}


@pytest.fixture(scope="package", params=KINDS)
def kind(request):
    """The module of a file system."""
    module = KINDS[request.param]
    missing = module.missing() or sanlockd.missing()
    if missing:
        pytest.skip(missing)
    return module


@pytest.fixture(scope="package")
def cluster(kind):
    with kind.Cluster() as running:
        running.begin(hosts.OWNER)
        yield running


@pytest.fixture(scope="package")
def both(kind, cluster):
    """The two hosts."""
    with hosts.Host("host1", cluster, kind.MOUNT) as one:
        with hosts.Host("host2", cluster, kind.MOUNT) as two:
            yield one, two
