# SPDX-License-Identifier: GPL-2.0-or-later
"""What is not refused, and what is kept of all that is wrapped."""

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.gatedvm import Gate, Refused
from tests.support.vdsm.vdsmvms import drive
from vdsm_backup.plugin import gates, second_check


def test_others_who_prepare_are_not_checked(cif, vm):
    """Unplug, end of a replication, CD-ROMs, memory; also after a refusal."""
    Gate.answers = [False, True]
    with pytest.raises(Refused):
        vm.hotplugDisk({"xml": "one"})
    Gate.answers = [True]
    asked = len(Gate.asked)
    two = drive("two")
    assert cif.prepareVolumePath(two, "vm", "p") == ("two", "vm", "p")
    assert cif.prepareVolumePath(two, path="p") == ("two", None, "p")
    assert len(Gate.asked) == asked


def test_snapshot_and_merge(vm):
    """Told of, unless VDSM refuses them."""
    vm.migrating = True
    with pytest.raises(vdsmvms.GeneralException):
        vm.snapshot("drives", {}, False, "job", timeout=5)
    with pytest.raises(vdsmvms.GeneralException):
        vm.merge("spec", "base", "top", 0, "job")
    assert Gate.asked == []
    vm.migrating = False
    assert vm.snapshot("drives", {}, False, "job", timeout=5) == ("drives", 5)
    assert vm.merge("spec", "base", "top", 0, "job") is None
    assert [asked[0] for asked in Gate.asked] == [
        "note live-snapshot",
        "note live-merge",
    ]


WRAPPED = [
    (gates.prepare_paths, vdsmvms.Vm.preparePaths),
    (gates.prepare_paths_for_drives, vdsmvms.Vm._preparePathsForDrives),
    (gates.migration_create, vdsmvms.ApiVM.migrationCreate),
    (gates.hotplug_disk, vdsmvms.Vm.hotplugDisk),
    (gates.disk_replicate_start, vdsmvms.Vm.diskReplicateStart),
    (second_check.prepare_volume_path, vdsmvms.clientIF.prepareVolumePath),
    (gates.snapshot, vdsmvms.Vm.snapshot),
    (gates.merge, vdsmvms.Vm.merge),
]


@pytest.mark.parametrize("make, original", WRAPPED)
def test_attributes_are_kept(make, original, monkeypatch):
    """VDSM puts what it must know of a function on the function."""
    monkeypatch.setattr(original, "of_vdsm", "kept", raising=False)
    wrapped = make(original, "path")
    assert wrapped.of_vdsm == "kept"
    assert wrapped.__name__ == original.__name__
    assert wrapped.__wrapped__ is original
