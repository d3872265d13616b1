# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrappers of the guard inside VDSM, on stand-ins for VDSM's classes."""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatedvm import Gate, guarded, make_vm
from vdsm_backup.plugin import gates, second_check


@pytest.fixture(autouse=True)
def vdsm(monkeypatch):
    vdsmvms.be_imported(monkeypatch)
    monkeypatch.setattr(Gate, "answers", [])
    monkeypatch.setattr(Gate, "asked", [])
    monkeypatch.setattr(Gate, "then", None)
    monkeypatch.setattr(gates, "Gate", Gate)


@pytest.fixture
def cif():
    cls = guarded(
        vdsmvms.clientIF, prepareVolumePath=second_check.prepare_volume_path
    )
    return cls()


@pytest.fixture
def vm(cif):
    return make_vm(cif)
