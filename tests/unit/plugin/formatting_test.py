# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrapper of HSM._recycle, on stand-ins for VDSM's storage."""

import types

import pytest

from tests.support.vdsm import vdsmvms
from vdsm_backup.plugin import formatting


class Gate:
    refuses = False
    asked = []

    def __init__(self, path):
        assert path == "path"

    def require_allowed(self, operation, vm, domain):
        self.asked.append((operation, vm, domain))
        if self.refuses:
            raise vdsmvms.GeneralException("why")


@pytest.fixture(autouse=True)
def gate(monkeypatch):
    vdsmvms.be_imported(monkeypatch)
    monkeypatch.setattr(formatting, "Gate", Gate)
    monkeypatch.setattr(Gate, "asked", [])


@pytest.mark.parametrize("refuses", [False, True])
def test_a_domain_is_asked_about_before_it_is_removed(monkeypatch, refuses):
    monkeypatch.setattr(Gate, "refuses", refuses)
    wrapped = formatting.recycle(vdsmvms.HSM._recycle, "path")
    domain = types.SimpleNamespace(sdUUID="sd", formatted=False)
    if refuses:
        with pytest.raises(vdsmvms.StorageDomainFormatError) as e:
            wrapped(vdsmvms.HSM(), domain)
        assert (str(e.value), e.value.code) == ("why", 352)
        assert e.value.expected is True
    else:
        wrapped(vdsmvms.HSM(), domain)
    assert domain.formatted is not refuses
    assert Gate.asked == [("format", None, "sd")]
