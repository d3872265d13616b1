# SPDX-License-Identifier: GPL-2.0-or-later
"""
A start is checked twice; what was prepared for one that is refused, or is
destroyed meanwhile, is torn down.
"""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatedvm import Gate, Refused, calls, make_vm
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup.plugin import gates


def test_a_start_is_checked_twice(cif, vm):
    drives = [drive("one"), drive("two")]
    assert vm._preparePathsForDrives(drives) == "prepared"
    check = ("run", "VM web1", "vm-id", ["one", "two"], "<domain/>")
    assert Gate.asked == [check, check]
    assert calls(cif) == ["prepare one", "prepare two"]


def test_refused_before_anything_is_prepared(cif, vm):
    Gate.answers = [True]
    with pytest.raises(Refused):
        vm._preparePathsForDrives([drive("one")])
    assert calls(cif) == []


@pytest.mark.parametrize("fails", [False, True])
def test_what_was_prepared_is_torn_down(cif, vm, fails):
    """All of it, also if that fails; and the refusal is what is raised."""
    cif.teardown_fails = fails
    Gate.answers = [False, True]
    drives = [drive("one"), drive("two")]
    with pytest.raises(Refused):
        vm._preparePathsForDrives(drives)
    assert calls(cif)[2:] == ["teardown one", "teardown two"]


def test_what_was_not_prepared_is_not_torn_down(cif, vm, monkeypatch):
    """The VM was destroyed after the first one; others are no images."""

    def one_only(self, drives):
        self.cif.prepareVolumePath(drives[0])

    wrapped = gates.prepare_paths_for_drives(one_only, "path")
    Gate.answers = [False, True]
    with pytest.raises(Refused):
        wrapped(vm, [drive("one"), drive("two")])
    assert calls(cif) == ["prepare one", "teardown one"]


def test_destroyed_while_it_is_prepared(cif, vm):
    """Whoever destroys a VM that has no disks yet tears none down."""
    cif.then = vm._destroy_requested.set
    with pytest.raises(vdsmvms.DestroyedOnStartupError):
        vm._preparePathsForDrives([drive("one"), drive("two")])
    assert calls(cif) == ["prepare one", "teardown one"]
    # Nobody needs to know any more whether it is allowed.
    assert len(Gate.asked) == 1


@pytest.mark.parametrize("refused", [False, True])
def test_destroyed_while_it_is_checked(cif, vm, refused):
    Gate.answers = [False, refused]
    error = Refused if refused else vdsmvms.DestroyedOnStartupError
    cif.then = lambda: setattr(Gate, "then", vm._destroy_requested.set)
    with pytest.raises(error):
        vm._preparePathsForDrives([drive("one"), drive("two")])
    assert calls(cif)[2:] == ["teardown one", "teardown two"]


def test_started_again_while_the_destroyed_one_ends(cif, vm):
    """What it has prepared is the new one's, too."""
    cif.then = vm._destroy_requested.set
    cif.vms = {vm.id: make_vm(cif)}
    with pytest.raises(vdsmvms.DestroyedOnStartupError):
        vm._preparePathsForDrives([drive("one")])
    assert calls(cif) == ["prepare one"]


def test_error_of_the_original(cif, vm):
    cif.broken = ["two"]
    with pytest.raises(ValueError, match="Bad volume"):
        vm._preparePathsForDrives([drive("one"), drive("two")])
    assert len(Gate.asked) == 1
    with pytest.raises(ValueError, match="Bad volume"):
        vm.hotplugDisk({"xml": "two"})
