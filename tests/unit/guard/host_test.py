# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guard on this host says of what is late."""

import time

import pytest

from tests.support import testhost
from vdsm_backup import config, errors
from vdsm_backup.guard import host as guard_host
from vdsm_backup.guard import verdict
from vdsm_backup.storage import direct
from vdsm_backup.storage.direct import DirectReader
from vdsm_backup.storage.together import PATIENCE
from vdsm_backup.vm.needs import Finder, Need, Needs
from vdsm_backup.vm.paths import BLOCK, Location

B = "7c1d4f02-33b5-4f6e-8a1c-2b6f7d8e9a01"
A = "0ad9a6a0-5f6c-4b1c-a3d2-0c6f8ac43e25"


@pytest.fixture
def options(tmp_path):
    with testhost.Host(tmp_path, io_timeout=30) as host:
        yield config.load(host.config)


def hangs(self, what, timeout):
    raise errors.StorageTimeout("nas", timeout)


def unresolved(self, paths, timeout):
    return [], paths, errors.StorageTimeout("nas", timeout)


# Of a call that has what is left, and of one for which nothing is left.
@pytest.mark.parametrize("left", [7.654, -1])
@pytest.mark.parametrize(
    "needed",
    [
        Needs([Need("disk vda", Location(A))]),
        Needs([], {"/mnt/hung": [("disk vda", "/mnt/hung/x")]}),
    ],
    ids=["a domain", "a link"],
)
def test_the_time_that_people_have_set(options, monkeypatch, needed, left):
    monkeypatch.setattr(DirectReader, "read", hangs)
    monkeypatch.setattr(Finder, "resolve", unresolved)
    deadline = time.monotonic() + left
    finder = guard_host.make_finder(options, deadline)
    guard = guard_host.make_guard(options, deadline, finder)
    (found,) = guard.verdict("run", needed, deadline).findings
    assert str(found.error).endswith(" did not answer within 30 seconds")


def test_links_are_followed_until_the_deadline(options):
    finder = guard_host.make_finder(options, time.monotonic() - 1)
    vm = guard_host.parse_vm(
        "<domain><devices><disk><source file='/a'/></disk></devices></domain>"
    )
    with pytest.raises(errors.VmUnclear, match="takes too long"):
        finder.needs(vm)


@pytest.mark.parametrize("count, lag", [(1, 0), (2, PATIENCE)])
def test_what_is_read_again_is_what_may_be_too_old(
    options, monkeypatch, count, lag
):
    """What was read at one time with others is older than it looks."""
    made = []
    monkeypatch.setattr(
        verdict,
        "Guard",
        lambda *args, settle, lag: made.append((settle, lag)),
    )
    options.settle = 3
    locations = [Location(A, BLOCK), Location(B, BLOCK)][:count]
    guard_host.make_guard(options, 1, locations=locations)
    assert made == [(3, lag)]


def test_a_vm_is_read_together(options, monkeypatch):
    """The locations that its disks need are known to the reader before."""
    given = []

    class Reader:
        lag = 0

        def __init__(self, options, locations, slow):
            given.extend(locations)

        def read(self, location, timeout):
            raise errors.DomainNotFound(location.domain)

    monkeypatch.setattr(direct, "DirectReader", Reader)
    vm = guard_host.parse_vm(
        "<domain><devices>"
        f"<disk><source dev='/dev/{A}/x'/><target dev='vda'/></disk>"
        f"<disk><source dev='/dev/{B}/x'/><target dev='vdb'/></disk>"
        "</devices></domain>"
    )
    deadline = time.monotonic() + 30
    options.lv_dir = "/dev"
    guard_host.GuardedVm(options, vm, deadline).verdict("run", deadline)
    assert given == [Location(A, BLOCK), Location(B, BLOCK)]
