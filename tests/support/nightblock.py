# SPDX-License-Identifier: GPL-2.0-or-later
"""
A block domain and the host of an administrator, for the worst night.

    pytest_plugins = ["tests.support.night", "tests.support.nightblock"]
"""

import contextlib
import os
import uuid

import pytest

from tests.support.clifixtures import OWNER
from tests.support.lease.leasedhost import LeasedHost
from tests.support.storage.blockdomain import BlockDomain

# In the texts: the UUID of the domain.
C = "c0ffee00-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def luns(block_dir, night):
    """The domain on two LUNs, which have names as multipathd gives them."""
    run = uuid.uuid4().hex
    names = [f"3600{i}{run}" for i in (1, 2)]
    with contextlib.closing(BlockDomain(block_dir, wwids=names)) as domain:
        night.call(domain.lv_dir, "/dev")
        night.call(domain.sd_id, C)
        for name, shown in zip(names, ("LUN1", "LUN2")):
            night.call(name, shown)
        yield domain


@pytest.fixture
def blockadmin(directory, sanlock, night, luns):
    """The host of the administrator, which sees these LUNs and no other."""
    user, group = OWNER
    with LeasedHost(
        os.path.join(directory, "blockhost"),
        sanlock=sanlock,
        block=[luns],
        user=user,
        group=group,
    ) as host:
        luns.initialize(sanlock)
        night.on(host)
        yield host
