# SPDX-License-Identifier: GPL-2.0-or-later
"""
Where VMs get disks in VDSM, and what stands before each of these places.

Not Image.prepare: transfers, measuring and OVA go through it, and must. VMs
come through clientIF.prepareVolumePath, from four places, which are judged
before the first image is prepared, and once more when all are: a flag that is
set at the same moment is seen by one side. The second look tears down what was
prepared. Its other callers (unplug, end of a replication, CD-ROMs, memory
volumes) are not judged.

A VM that runs on a flagged domain already is left alone, and told of in the
journal: when VDSM finds it again after a restart, and when it is snapshot.

A refusal is an exception with our text and code: of a start it becomes the
reason of the VM's end, which the engine shows, elsewhere the response.
"""

import contextlib
import functools
import logging
import threading

from vdsm_backup.plugin import vms
from vdsm_backup.plugin.gate import Gate

log = logging.getLogger("vdsm_backup")

# Of the thread: VDSM prepares disks of a VM that runs (`recovering`); what to
# do when an image has been prepared (`look_again`); a list of those that were
# (`prepared`).
_state = threading.local()


def prepare_recovered(original, path):
    """
    Wraps Vm.preparePaths, which VDSM calls after its restart only.

    Must not break: the VM runs. A refusal would stop the extension of its
    thin disks, and in the end the VM.
    """
    gate = Gate(path)

    @functools.wraps(original)
    def allowed(self):
        with _set("recovering", True):
            result = original(self)
        _note(gate, "recover", self)
        return result

    return allowed


def prepare_drives(original, path):
    """
    Wraps Vm._preparePathsForDrives: VM.create, a VM that resumes, an incoming
    migration. The original takes _volPrepareLock, for which a destroy waits;
    no storage is read under it.

    Must not break: recovery; a VM that is destroyed while it starts.
    """
    gate = Gate(path)

    @functools.wraps(original)
    def judged(self, drives):
        if self.recovering or getattr(_state, "recovering", False):
            return original(self, drives)
        asked = (f"VM {self.name}", self.id, drives, self.domain.xml)
        incoming = _is_incoming(self)
        operation = "migrate-in" if incoming else "run"
        if not incoming:
            gate.judge(operation, *asked)
        result = original(self, drives)
        # An incoming migration was judged in create_migrated.
        with _torn_down(self.cif, drives):
            gate.judge(operation, *asked)
        return result

    return judged


def create_migrated(original, path):
    """
    Wraps API.VM.migrationCreate: an error after the VM was created reaches
    nobody in words.

    Must not break: the response of the original, to a source of any version.
    """
    gate = Gate(path)

    @functools.wraps(original)
    def judged(self, params, incomingLimit=None):
        from vdsm.common.exception import VdsmException

        xml = params.get("_srcDomXML") or params.get("xml")
        try:
            if xml is not None:
                vm = f"VM {params.get('vmName') or self._UUID}"
                gate.judge("migrate-in", vm, self._UUID, xml=xml)
        except VdsmException as e:
            return e.response()
        return original(self, params, incomingLimit)

    return judged


def plug(original, path):
    """
    Wraps Vm.hotplugDisk. Must not break: CD-ROMs, LUNs and managed disks.
    """
    gate = Gate(path)

    @functools.wraps(original)
    def judged(self, params):
        from vdsm.common.exception import HookError

        drive, xml = _drive_of(self, params.get("xml"))
        prepared = []

        def look():
            vm = f"VM {self.name}"
            gate.judge("hotplug", vm, self.id, [drive], xml)

        # VDSM knows the drive as one of the VM's when it is plugged in.
        with vms.plugging(self.name, drive):
            look()
            with _set("look_again", look), _set("prepared", prepared):
                try:
                    return original(self, params)
                except HookError:
                    # The only end at which VDSM leaves it prepared.
                    for drive in prepared:
                        _tear_down(self.cif, drive)
                    raise

    return judged


def replicate(original, path):
    """
    Wraps Vm.diskReplicateStart. The original makes "replicaErr" of any error
    while it prepares, so our refusal is kept, and said in its place.

    Must not break: a replication to another domain, also from a flagged one,
    which is the way out.
    """
    gate = Gate(path)

    @functools.wraps(original)
    def judged(self, srcDisk, dstDisk, *args, **kwargs):
        refusals = []

        def look():
            drive = {**dstDisk, "device": "disk"}
            vm = f"VM {self.name}"
            gate.judge("replicate-to", vm, self.id, [drive])

        def look_again():
            try:
                look()
            except Exception as e:
                refusals.append(e)
                raise

        look()
        with _set("look_again", look_again):
            result = original(self, srcDisk, dstDisk, *args, **kwargs)
        if refusals:
            raise refusals[0]
        return result

    return judged


def snapshot(original, path):
    """
    Wraps Vm.snapshot: told in the journal. Must not break, or delay: it is
    the way out.
    """
    return _noted("live-snapshot", original, path)


def merge(original, path):
    """Wraps Vm.merge, as snapshot()."""
    return _noted("live-merge", original, path)


def _noted(operation, original, path):
    gate = Gate(path)

    @functools.wraps(original)
    def noted(self, *args, **kwargs):
        _note(gate, operation, self)
        return original(self, *args, **kwargs)

    return noted


def _note(gate, operation, vm):
    gate.note(operation, f"VM {vm.name}", vm.id, xml=vm.domain.xml)


def prepare(original, path):
    """
    Wraps clientIF.prepareVolumePath: the second look of a disk that is
    plugged in or replicated to; nothing for anybody else.

    Must not break: its other callers, and what it returns.
    """

    @functools.wraps(original)
    def looked_at(self, drive, vmId=None, path=None):
        result = original(self, drive, vmId, path)
        look_again = getattr(_state, "look_again", None)
        if look_again is not None:
            with _torn_down(self, [drive]):
                look_again()
        if getattr(_state, "prepared", None) is not None:
            _state.prepared.append(drive)
        return result

    return looked_at


@contextlib.contextmanager
def _torn_down(cif, drives):
    """What was prepared is torn down if the body raises."""
    try:
        yield
    except Exception:
        for drive in drives:
            # VDSM sets it when it has prepared the drive.
            if isinstance(drive, dict) and drive.get("volumeInfo"):
                _tear_down(cif, drive)
        raise


def _tear_down(cif, drive):
    try:
        cif.teardownVolumePath(drive)
    except Exception:
        # The others, and the refusal, must not be lost for it.
        log.exception("Cannot tear down %s", drive)


@contextlib.contextmanager
def _set(name, value):
    before = getattr(_state, name, None)
    setattr(_state, name, value)
    try:
        yield
    finally:
        setattr(_state, name, before)


def _is_incoming(vm):
    from vdsm.virt import vm as virt

    return vm._altered_state.origin == virt._MIGRATION_ORIGIN


def _drive_of(vm, xml):
    """The drive of a hot plug, as the original will make it, and its XML."""
    from vdsm.common import xmlutils
    from vdsm.virt import vmdevices
    from vdsm.virt.vmdevices import storagexml

    _, element, meta = vmdevices.common.dev_elems_from_xml(vm, xml)
    return storagexml.parse(element, meta), xmlutils.tostring(element)
