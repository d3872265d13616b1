# SPDX-License-Identifier: GPL-2.0-or-later
"""A host whose reader reads directly, and what lvm finds there."""

import pytest

from tests.support import testhost
from tests.support.waiting import RUNS_OUT
from vdsm_backup import config
from vdsm_backup.lvm.vgs import Lvm
from vdsm_backup.storage import direct, discovery


@pytest.fixture
def host(tmp_path):
    with testhost.Host(tmp_path, io_timeout=RUNS_OUT) as host:
        host.sysfs = str(tmp_path / "sys")
        options = config.load(host.config)
        host.reader = direct.DirectReader(options, host.sysfs)
        yield host


@pytest.fixture
def no_search(monkeypatch):
    """A look at all storage is a failure."""

    def fail(*args, **more):
        pytest.fail("all storage was looked at")

    monkeypatch.setattr(discovery.Discovery, "places", fail)


@pytest.fixture
def lvm_sees(monkeypatch):
    """{device: what lvm finds, or raises}; tells which were asked."""
    asked = []

    def see(answers):
        def scan(self):
            asked.append(list(self.devices))
            answer = answers["+".join(self.devices)]
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Lvm, "scan", scan)
        return asked

    return see
