# SPDX-License-Identifier: GPL-2.0-or-later
"""
A VM whose functions have the wrappers of the guard, which asks a stand-in
for the gate.
"""

from tests.support.vdsm import vdsmvms
from tests.support.vdsm.vdsmvms import VdsmException
from vdsm_backup.plugin import gates


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


def guarded(cls, **makers):
    wrapped = {
        name: make(getattr(cls, name), "path") for name, make in makers.items()
    }
    return type(cls.__name__, (cls,), wrapped)


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
