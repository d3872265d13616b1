# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrappers of what formats a domain, on stand-ins for VDSM's storage."""

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
    monkeypatch.setattr(Gate, "refuses", False)


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


# LUNs of a domain

SD = "5e6f1d2a-9c47-4b0e-8d1f-3a7b9c0d2e41"
OTHER = "6f7a2e3b-0d58-4c1f-9e2a-4b8c0d1e3f52"


class Lvm:
    """What LVM finds on devices, which VDSM's cache does not know before."""

    def __init__(self, vgs):
        self._vgs = vgs
        self._known = {}
        self._lvminfo = types.SimpleNamespace(_invalidatepvs=self.look)

    def look(self, devices):
        self._known = {device: self._vgs.get(device) for device in devices}

    def getPV(self, device):
        name = self._known.get(device, "")
        if name is None:
            raise vdsmvms.InaccessiblePhysDev(device)
        if name == "unreadable":
            return types.SimpleNamespace()
        return types.SimpleNamespace(vg_name=name)


def initialize(monkeypatch, force, **vgs):
    """The devices that were made PVs."""
    vdsmvms.be_storage(monkeypatch, None)
    lvm = Lvm(vgs)
    vars(vdsmvms.lvm()).update(getPV=lvm.getPV, _lvminfo=lvm._lvminfo)
    made = []
    wrapped = formatting.init_pvs(lambda *args: made.append(args), "path")
    wrapped([*vgs], 128, force)
    return made


def test_luns_of_flagged_domains(monkeypatch):
    monkeypatch.setattr(Gate, "refuses", True)
    with pytest.raises(vdsmvms.VolumeGroupHasDomainTag) as e:
        initialize(monkeypatch, True, a="", b=SD)
    assert (str(e.value), e.value.expected) == ("why", True)
    assert Gate.asked == [("format", None, SD)]


def test_luns_of_domains_that_are_not_flagged(monkeypatch):
    made = initialize(monkeypatch, True, a=SD, b=OTHER, c=SD)
    assert made == [(["a", "b", "c"], 128, True)]
    assert Gate.asked == [("format", None, SD), ("format", None, OTHER)]


@pytest.mark.parametrize("vg", [None, "", "centos", "unreadable"])
def test_luns_of_no_domain(monkeypatch, vg):
    monkeypatch.setattr(Gate, "refuses", True)
    assert len(initialize(monkeypatch, True, a=vg)) == 1


@pytest.mark.parametrize("force", [False, "true", None])
def test_what_is_not_forced_lvm_refuses_itself(monkeypatch, force):
    monkeypatch.setattr(Gate, "refuses", True)
    assert initialize(monkeypatch, force, a=SD) == [(["a"], 128, force)]
