# SPDX-License-Identifier: GPL-2.0-or-later
"""The SDM lease as attachSD takes it: what is acquired, what is released."""

import types

import pytest

from tests.support.vdsm import vdsmshapes
from vdsm_backup import errors
from vdsm_backup.plugin import lease

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"


class Domain:
    sdUUID = SD

    def __init__(self, has_host_id=False, fails=None):
        self.calls = []
        self._has_host_id = has_host_id
        self._fails = fails or {}

    def hasHostId(self, hostId):
        return self._has_host_id

    def __getattr__(self, name):
        def call(*args):
            self.calls.append(name)
            if name in self._fails:
                raise self._fails[name]

        return call


def pool(master="another", monitored=False):
    return types.SimpleNamespace(
        id=7,
        masterDomain=types.SimpleNamespace(sdUUID=master),
        domainMonitor=types.SimpleNamespace(
            isMonitoring=lambda sd_id: monitored
        ),
    )


@pytest.fixture(autouse=True)
def vdsm(monkeypatch):
    vdsmshapes.be_imported(monkeypatch)


LEASE = ["acquireClusterLock", "releaseClusterLock"]


def test_the_spm_has_it_on_the_master():
    domain = Domain()
    with lease.taken(pool(master=SD), domain):
        pass
    assert domain.calls == []


def test_host_id_that_was_there_is_never_released():
    domain = Domain(has_host_id=True)
    with lease.taken(pool(), domain):
        pass
    assert domain.calls == LEASE


def test_host_id_that_we_acquired_is_released():
    domain = Domain()
    with lease.taken(pool(), domain):
        pass
    assert domain.calls == ["acquireHostId", *LEASE, "releaseHostId"]


def test_host_id_that_the_monitor_uses_now_stays():
    domain = Domain()
    with lease.taken(pool(monitored=True), domain):
        pass
    assert domain.calls == ["acquireHostId", *LEASE]


def test_all_is_given_back_after_an_error():
    domain = Domain()
    with pytest.raises(ZeroDivisionError):
        with lease.taken(pool(), domain):
            raise ZeroDivisionError
    assert domain.calls == ["acquireHostId", *LEASE, "releaseHostId"]


@pytest.mark.parametrize(
    "call, failure, error, after",
    [
        (
            "acquireHostId",
            vdsmshapes.AcquireHostIdFailure("x"),
            errors.SanlockFailed,
            [],
        ),
        (
            "acquireClusterLock",
            vdsmshapes.AcquireLockFailure(SD, 1, "out", "err"),
            errors.LeaseBusy,
            ["acquireClusterLock", "releaseHostId"],
        ),
        (
            "acquireClusterLock",
            vdsmshapes.AcquireHostIdFailure("x"),
            errors.SanlockFailed,
            ["acquireClusterLock", "releaseHostId"],
        ),
    ],
)
def test_what_cannot_be_had(call, failure, error, after):
    domain = Domain(fails={call: failure})
    with pytest.raises(error):
        with lease.taken(pool(), domain):
            raise AssertionError
    assert domain.calls == ["acquireHostId", *after]
