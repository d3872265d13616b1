# SPDX-License-Identifier: GPL-2.0-or-later
"""The wrappers of the guard inside VDSM, on stand-ins for VDSM's classes."""

import threading

import pytest

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.vdsmvms import VdsmException, drive
from vdsm_backup.plugin import gates, second_check, vms


class Refused(VdsmException):
    code = 994

    def __str__(self):
        return "refused"


class Gate:
    """
    Refuses by the answers, in order; afterwards it allows. then(): what
    happens meanwhile.
    """

    answers = []
    asked = []
    then = None

    def __init__(self, path):
        assert path == "path"

    def require_allowed(self, operation, vm, vm_id=None, drives=(), xml=None):
        images = [d["imageID"] for d in drives]
        self.asked.append((operation, vm, vm_id, images, xml))
        if self.then:
            self.then()
        if self.answers and self.answers.pop(0):
            raise Refused

    def tell_journal(self, operation, vm, vm_id=None, drives=(), xml=None):
        self.asked.append((f"note {operation}", vm, vm_id, [], xml))


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


def guarded(cls, **makers):
    wrapped = {
        name: make(getattr(cls, name), "path") for name, make in makers.items()
    }
    return type(cls.__name__, (cls,), wrapped)


@pytest.fixture
def vm(cif):
    return make_vm(cif)


def make_vm(cif, recover=False, **params):
    cls = guarded(
        vdsmvms.Vm,
        preparePaths=gates.prepare_paths,
        _preparePathsForDrives=gates.prepare_paths_for_drives,
        hotplugDisk=gates.hotplug_disk,
        diskReplicateStart=gates.disk_replicate_start,
        snapshot=gates.snapshot,
        merge=gates.merge,
    )
    return cls(cif, params, recover)


def calls(cif):
    return [f"{what} {image}" for what, image in cif.calls]


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


def test_recovery(cif, vm):
    Gate.answers = [True, True]
    vm.preparePaths()
    assert Gate.asked == [
        ("note recover", "VM web1", "vm-id", [], "<domain/>")
    ]
    make_vm(cif, recover=True)._preparePathsForDrives([drive("one")])
    assert len(Gate.asked) == 1
    # Only while it lasts, also if it fails.
    cif.broken = ["one"]
    with pytest.raises(ValueError):
        vm.preparePaths()
    with pytest.raises(Refused):
        vm._preparePathsForDrives([drive("one")])


def test_recovery_of_one_vm_while_another_starts(cif, vm):
    """What is known of a thread is not known of others."""
    raised = []

    def start():
        try:
            make_vm(cif)._preparePathsForDrives([drive("two")])
        except Refused as e:
            raised.append(e)

    def prepare(*args, **kwargs):
        del cif.prepareVolumePath
        other = threading.Thread(target=start)
        other.start()
        other.join()

    Gate.answers = [True]
    cif.prepareVolumePath = prepare
    vm.preparePaths()
    assert len(raised) == 1


def test_incoming_migration_is_checked_when_prepared_only(cif):
    vm = make_vm(cif, origin=vdsmvms.MIGRATION_ORIGIN)
    Gate.answers = [True]
    with pytest.raises(Refused):
        vm._preparePathsForDrives([drive("one")])
    assert [asked[0] for asked in Gate.asked] == ["migrate-in"]
    assert calls(cif) == ["prepare one", "teardown one"]


def test_migration_create():
    api = guarded(vdsmvms.ApiVM, migrationCreate=gates.migration_create)(
        "vm-id"
    )
    params = {"_srcDomXML": "source", "xml": "engine", "vmName": "x"}
    assert api.migrationCreate(params, 3) == {"params": params, "limit": 3}
    api.migrationCreate({"xml": "engine"})
    api.migrationCreate({})
    assert Gate.asked == [
        ("migrate-in", "VM x", "vm-id", [], "source"),
        ("migrate-in", "VM vm-id", "vm-id", [], "engine"),
    ]
    Gate.answers = [True]
    answer = api.migrationCreate(params, incomingLimit=3)
    assert answer == {"status": {"code": 994, "message": "refused"}}


def test_a_vm_that_is_here_already_is_refused_by_vdsm():
    api = guarded(vdsmvms.ApiVM, migrationCreate=gates.migration_create)(
        "vm-id"
    )
    api._cif.vms = {api._UUID: "it"}
    assert api.migrationCreate({"xml": "engine"})["limit"] is None
    assert Gate.asked == []


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


LEFT_PREPARED = (vdsmvms.HookError, vdsmvms.NotConnectedError)


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


@pytest.mark.parametrize("second", [False, True])
def test_replicate(cif, vm, second):
    source, target = drive("one"), drive("two")
    del target["device"]
    before = dict(target)
    Gate.answers = [not second, True]
    with pytest.raises(Refused):
        vm.diskReplicateStart(source, target)
    prepared = ["prepare two", "teardown two"] if second else []
    assert calls(cif) == prepared
    Gate.answers = []
    answer = vm.diskReplicateStart(source, target, need_extend=False)
    assert answer == {"status": "started, False"}
    # Only where it goes to.
    assert {str(asked[3]) for asked in Gate.asked} == {"['two']"}
    assert target == before


def test_replicate_keeps_the_errors_of_the_original(cif, vm):
    cif.broken = ["two"]
    answer = vm.diskReplicateStart(drive("one"), drive("two"))
    assert answer == {"status": "replicaErr"}


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
