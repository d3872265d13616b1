# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guard on this host says of what is late."""

import time

import pytest

from tests.support import testhost
from vdsm_backup import config, errors
from vdsm_backup.guard import host as guard_host
from vdsm_backup.storage.direct import DirectReader
from vdsm_backup.vm.needs import Finder, Need, Needs
from vdsm_backup.vm.paths import Location

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
