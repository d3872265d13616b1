# SPDX-License-Identifier: GPL-2.0-or-later
"""
Small stand-ins for what the guard meets in VDSM: VMs, clientIF, the API of a
VM, HSM, its exceptions. tests/vdsm/shapes_test.py compares their shape with
the real thing.
"""

import sys
import types

MIGRATION_ORIGIN = "_MIGRATION_ORIGIN"


class VdsmException(Exception):
    code = 0
    msg = "Vdsm Exception"

    def response(self):
        return {"status": {"code": self.code, "message": str(self)}}


class GeneralException(VdsmException):
    code = 100

    def __init__(self, *value):
        self.value = value


class HookError(GeneralException):
    """As hooks.before_disk_hotplug() raises it."""


class createIllegalVolumeSnapshotError(GeneralException):
    code = 226


class StorageDomainFormatError(GeneralException):
    code = 352


class VolumeGroupHasDomainTag(GeneralException):
    code = 515


class InaccessiblePhysDev(GeneralException):
    code = 606


class clientIF:
    """Prepares all drives but those in `broken`."""

    def __init__(self):
        self.calls = []
        self.broken = ()
        self.teardown_fails = False

    def prepareVolumePath(self, drive, vmId=None, path=None):
        """Of VDSM."""
        self.calls.append(("prepare", drive["imageID"]))
        if drive["imageID"] in self.broken:
            raise ValueError("Bad volume specification")
        drive["volumeInfo"] = {"path": "p"}
        return (drive["imageID"], vmId, path)

    def teardownVolumePath(self, drive):
        self.calls.append(("teardown", drive["imageID"]))
        if self.teardown_fails:
            raise ValueError("no teardown")


class Vm:
    name = "web1"
    id = "vm-id"

    def __init__(self, cif, params, recover=False):
        self.cif = cif
        self.recovering = recover
        origin = params.get("origin")
        self._altered_state = types.SimpleNamespace(origin=origin)
        self.domain = types.SimpleNamespace(xml="<domain/>")

    def preparePaths(self):
        return self._preparePathsForDrives([drive("one")])

    def _preparePathsForDrives(self, drives):
        for one in drives:
            self.cif.prepareVolumePath(one, self.id, path=None)
        return "prepared"

    hook = None

    def hotplugDisk(self, params):
        self.cif.prepareVolumePath(drive(params["xml"]))
        if self.hook:
            self.hook()
        return {"status": "plugged"}

    def diskReplicateStart(self, srcDisk, dstDisk, need_extend=True):
        try:
            self.cif.prepareVolumePath(dict(dstDisk, device="disk"))
        except Exception:
            return {"status": "replicaErr"}
        return {"status": f"started, {need_extend}"}

    def snapshot(
        self,
        snap_drives,
        memory_params,
        frozen,
        job_uuid,
        recovery=False,
        timeout=30,
        freeze_timeout=8,
    ):
        return (snap_drives, timeout)

    def merge(self, driveSpec, baseVolUUID, topVolUUID, bandwidth, jobUUID):
        raise ValueError(driveSpec)


class ApiVM:
    """vdsm.API.VM"""

    _UUID = "vm-id"

    def migrationCreate(self, params, incomingLimit=None):
        return {"params": params, "limit": incomingLimit}


class HSM:
    def __init__(self, spm=True):
        self.spm = spm

    def getPool(self, spUUID):
        return self

    def validateSPM(self):
        if not self.spm:
            raise GeneralException("not the SPM")

    def createVolume(
        self,
        sdUUID,
        spUUID,
        imgUUID,
        size,
        volFormat,
        preallocate,
        diskType,
        volUUID,
        desc,
        srcImgUUID="blank",
        srcVolUUID="blank",
        initialSize=None,
        addBitmaps=False,
        legal=True,
        sequence=0,
        bitmap=None,
    ):
        return {"created": volUUID, "legal": legal}

    def _recycle(self, dom):
        dom.formatted = True


def drive(image, **more):
    ids = {"poolID": "p", "domainID": "sd", "volumeID": "v"}
    return {"device": "disk", "name": image, "imageID": image, **ids, **more}


def be_imported(monkeypatch):
    """
    What gates.py, gatekeeper.py, preview.py and formatting.py import of VDSM
    is this.
    """
    exception = types.SimpleNamespace(
        VdsmException=VdsmException,
        GeneralException=GeneralException,
        HookError=HookError,
    )
    xmlutils = types.SimpleNamespace(tostring=lambda element: f"<{element}>")
    storage = types.SimpleNamespace(
        createIllegalVolumeSnapshotError=createIllegalVolumeSnapshotError,
        StorageDomainFormatError=StorageDomainFormatError,
        VolumeGroupHasDomainTag=VolumeGroupHasDomainTag,
        InaccessiblePhysDev=InaccessiblePhysDev,
    )
    common = types.SimpleNamespace(
        dev_elems_from_xml=lambda vm, xml: (0, xml, {})
    )
    storagexml = types.SimpleNamespace(parse=lambda xml, meta: drive(xml))
    modules = {
        "vdsm": {},
        "vdsm.common": {"exception": exception, "xmlutils": xmlutils},
        "vdsm.common.exception": vars(exception),
        "vdsm.storage": {"exception": storage},
        "vdsm.virt": {
            "vm": types.SimpleNamespace(_MIGRATION_ORIGIN=MIGRATION_ORIGIN),
            "vmdevices": None,
        },
        "vdsm.virt.vmdevices": {"common": common, "storagexml": storagexml},
        "ioprocess": {
            "Timeout": type("Timeout", (Exception,), {}),
            "Closed": type("Closed", (Exception,), {}),
        },
    }
    made = {name: types.ModuleType(name) for name in modules}
    for name, values in modules.items():
        vars(made[name]).update(values)
        monkeypatch.setitem(sys.modules, name, made[name])
    made["vdsm.virt"].vmdevices = made["vdsm.virt.vmdevices"]


def be_storage(monkeypatch, produce):
    """What preview.py imports of VDSM's storage."""
    values = {
        "constants": {
            "BLANK_UUID": "blank",
            "TAG_PREFIX_IMAGE": "IU_",
            "TAG_PREFIX_PARENT": "PU_",
        },
        "sdc": {"sdCache": types.SimpleNamespace(produce=produce)},
        "lvm": {},
    }
    for name, value in values.items():
        module = types.ModuleType(f"vdsm.storage.{name}")
        vars(module).update(value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        setattr(sys.modules["vdsm.storage"], name, module)


def lvm():
    """vdsm.storage.lvm, after be_storage()."""
    return sys.modules["vdsm.storage.lvm"]
