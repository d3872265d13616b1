# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk that is plugged into a running VM."""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatedvm import Gate, Refused, calls
from vdsm_backup.plugin import vms

LEFT_PREPARED = (vdsmvms.HookError, vdsmvms.NotConnectedError)


@pytest.mark.parametrize("second", [False, True])
def test_hot_plug(cif, vm, second):
    Gate.answers = [not second, True]
    with pytest.raises(Refused):
        vm.hotplugDisk({"xml": "one"})
    prepared = ["prepare one", "teardown one"] if second else []
    assert calls(cif) == prepared
    Gate.answers = []
    assert vm.hotplugDisk({"xml": "two"}) == {"status": "plugged"}
    asked = ("hotplug", "VM web1", "vm-id", ["two"], "<two>")
    assert Gate.asked[-1] == asked


def test_hot_plug_while_it_migrates(cif, vm):
    """VDSM refuses it, and no storage is read."""
    vm.migrating = True
    with pytest.raises(vdsmvms.GeneralException):
        vm.hotplugDisk({"xml": "one"})
    assert (Gate.asked, calls(cif)) == ([], [])


def test_hot_plug_when_it_migrates_no_more(cif, vm):
    """The second check counts."""
    vm.isMigrating = lambda: True
    Gate.answers = [True]
    with pytest.raises(Refused):
        vm.hotplugDisk({"xml": "one"})
    assert calls(cif) == ["prepare one", "teardown one"]


@pytest.mark.parametrize(
    "error",
    [vdsmvms.HookError("no"), vdsmvms.NotConnectedError(), KeyError("x")],
)
def test_a_hot_plug_that_fails(cif, vm, error):
    """
    VDSM leaves the image prepared where a hook refuses, or the VM has ended;
    at its other ends it does not.
    """

    def hook():
        raise error

    vm.hook = hook
    with pytest.raises(type(error)):
        vm.hotplugDisk({"xml": "one"})
    torn_down = isinstance(error, LEFT_PREPARED)
    wanted = ["prepare one", *["teardown one"] * torn_down]
    assert calls(cif) == wanted


def test_a_disk_that_is_being_plugged_in_is_a_use(cif, vm):
    seen = []

    def hook():
        seen.extend(vms._plugging)

    vm.hook = hook
    vm.hotplugDisk({"xml": "one"})
    assert seen == [("web1", "sd")]
    assert vms._plugging == []
    Gate.answers = [True]
    with pytest.raises(Refused):
        vm.hotplugDisk({"xml": "one"})
    assert vms._plugging == []
